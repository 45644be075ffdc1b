// A plotly figure whose five megabytes of script a page loads once, however many figures it has.
//
// The model holds the whole figure. Whenever it changes, and once the script is there, the newest is drawn: nothing
// depends on the order in which messages, script and place come, and a page that is loaded again finds all of it.

const CONFIG = { displayModeBar: false, responsive: true };

// plotly.js hands itself to a module system if it finds one, so it is given one of its own.
async function load(text) {
  const wrapped = ["const module = { exports: {} };\n", text, "\nexport default module.exports;"];
  const address = URL.createObjectURL(new Blob(wrapped, { type: "text/javascript" }));
  try {
    return (await import(address)).default;
  } finally {
    URL.revokeObjectURL(address);
  }
}

async function plotly(model) {
  const script = await model.widget_manager.get_model(model.get("script"));
  return (script.library ??= load(script.get("text")));
}

function render({ model, el }) {
  const place = document.createElement("div");
  place.classList.add("fcn-figure");
  el.appendChild(place);
  let wanted = false, busy = false, gone = false, library;

  async function draw() {
    wanted = true;
    if (busy) return;
    busy = true;
    try {
      library ??= await plotly(model);
      while (wanted && !gone) {
        wanted = false;
        const { data, layout } = JSON.parse(model.get("figure"));
        const first = !place.classList.contains("js-plotly-plot");
        await library.react(place, data, { uirevision: true, ...layout }, CONFIG);
        if (first) {
          place.on("plotly_click", ({ points: [{ curveNumber, pointIndex }] }) =>
            model.send({ trace: curveNumber, point: pointIndex }));
        }
      }
    } finally {
      busy = false;
    }
  }

  // A place may be hidden at first, or change its width without the window.
  const watch = new ResizeObserver(() => {
    if (library && place.offsetWidth && place.classList.contains("js-plotly-plot")) library.Plots.resize(place);
  });
  watch.observe(el);
  model.on("change:figure", draw);
  draw();
  return () => {
    gone = true;
    watch.disconnect();
    model.off("change:figure", draw);
    library?.purge(place);
  };
}

export default { render };
