// A sheet to draw on with mouse, finger or pen. Strokes go to Python as points from 0 to 1; all thinking happens there.

const SIDE = 280; // CSS pixels
const PEN = 17;
const CLOSEST = 0.004; // points nearer than this to the one before are left out
const TELL_MS = 100; // while the pen moves, Python is told this often

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  const density = window.devicePixelRatio || 1;
  canvas.width = canvas.height = SIDE * density;
  canvas.className = "fcn-sheet";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", model.get("label"));
  el.append(canvas);

  const pencil = canvas.getContext("2d");
  let stroke = null; // the one under the pen
  let kept = []; // those before it
  let told = 0;

  // A copy each time: what the model holds must not grow under its hands, or it would see no change.
  const strokes = () => (stroke ? [...kept, [...stroke]] : model.get("strokes"));

  const draw = () => {
    pencil.setTransform(density, 0, 0, density, 0, 0);
    pencil.fillStyle = "#000";
    pencil.fillRect(0, 0, SIDE, SIDE);
    const all = strokes();
    if (!all.length) {
      pencil.fillStyle = "#9a9a9a";
      pencil.font = "15px system-ui, sans-serif";
      pencil.textAlign = "center";
      pencil.fillText("draw a digit here", SIDE / 2, SIDE / 2 + 5);
    }
    pencil.strokeStyle = "#fff";
    pencil.lineWidth = PEN;
    pencil.lineCap = pencil.lineJoin = "round";
    for (const points of all) {
      pencil.beginPath();
      pencil.moveTo(points[0][0] * SIDE, points[0][1] * SIDE);
      for (const [x, y] of points) pencil.lineTo(x * SIDE, y * SIDE);
      pencil.stroke();
    }
  };

  const tell = () => {
    told = performance.now();
    model.set("strokes", strokes());
    model.save_changes();
  };

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const within = (value) => Math.round(1e4 * Math.min(1, Math.max(0, value))) / 1e4;
    return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
  };

  const extend = (event) => {
    const [x, y] = place(event);
    const [lastX, lastY] = stroke[stroke.length - 1];
    if (Math.hypot(x - lastX, y - lastY) >= CLOSEST) stroke.push([x, y]);
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || stroke) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    kept = model.get("strokes");
    stroke = [place(event)];
    model.set("down", true);
    tell();
    draw();
  });

  canvas.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const each of events.length ? events : [event]) extend(each);
    draw();
    if (performance.now() - told > TELL_MS) tell();
  });

  const lift = () => {
    if (!stroke) return;
    const all = strokes();
    stroke = null;
    model.set("strokes", all);
    model.set("down", false);
    model.save_changes();
    draw();
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("lostpointercapture", lift);

  const follow = () => stroke || draw();
  model.on("change:strokes", follow);
  draw();
  return () => model.off("change:strokes", follow);
}

export default { render };
