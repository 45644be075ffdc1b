// A plotly figure whose five megabytes of script a page loads once, however many figures it has.
//
// Anywidget gives a widget two seconds to begin and delivers no message to one that takes longer, ever. So a figure
// begins at once, notes the messages that come while the script loads, and follows them when it is there.

const MESSAGES = [
  "addTraces", "deleteTraces", "moveTraces", "restyle", "relayout", "update", "animate", "removeLayoutProps",
  "removeTraceProps",
].map((name) => `_py2js_${name}`);

async function load(text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return await import(address);
  } finally {
    URL.revokeObjectURL(address);
  }
}

async function plotly(model) {
  const script = await model.widget_manager.get_model(model.get("_script"));
  script.loading ??= load(script.get("text"));
  return script.loading;
}

export default () => {
  let loaded;

  return {
    initialize({ model }) {
      const missed = [];
      const listeners = MESSAGES.map((name) => [
        `change:${name}`,
        () => model.get(name) && missed.push([name, model.get(name)]),
      ]);
      listeners.forEach(([event, listener]) => model.on(event, listener));
      loaded = plotly(model).then((script) => {
        listeners.forEach(([event, listener]) => model.off(event, listener));
        const figure = script.default();
        figure.initialize({ model });
        for (const [name, message] of missed) {
          model.set(name, message);
          model.set(name, null); // as Python does: a message that repeats the one before must be seen, too
        }
        return figure;
      });
    },

    async render(place) {
      return (await loaded).render(place);
    },
  };
};
