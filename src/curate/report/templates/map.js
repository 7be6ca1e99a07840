"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const data = JSON.parse(at("map-data").textContent);
  const start = at("map-start"), live = at("map-live"), plot = at("map-plot"), choice = at("map-colour");
  const webgl = Boolean(document.createElement("canvas").getContext("webgl"));
  if (!("DecompressionStream" in window) || (!webgl && data.x.length > 4000)) return;

  // Plotly reads a little HTML in texts: what people called things is to show as it is.
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const nameOf = (number, none) => (number < 0 ? none : data.classes[number]);
  const texts = data.file.map((file, i) => plain(file) + "<br>" + plain(nameOf(data.label[i], "no label")) +
    (data.predicted[i] === data.label[i] ? "" : " taken for " + plain(nameOf(data.predicted[i], "nothing"))));
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const many = data.x.length > 5000;

  const traceOf = (name, points, marker) => ({
    type: webgl ? "scattergl" : "scatter", mode: "markers", name: plain(name), hoverinfo: "text",
    x: points.map((i) => data.x[i]), y: points.map((i) => data.y[i]), text: points.map((i) => texts[i]),
    marker: { size: many ? 4 : 6, ...marker },
  });
  const tracesOf = (chosen) => {
    const seen = new Uint8Array(data.x.length), traces = [];
    for (const one of chosen.traces) {
      for (const i of one.of) seen[i] = 1;
      const marker = one.steps
        ? { color: one.steps.map((s) => one.low + (s * (one.high - one.low)) / data.most), colorscale: "Cividis",
            showscale: true, colorbar: { thickness: 12, len: 0.8, tickfont: { color: colour("text") } } }
        : { color: one.colour, symbol: one.symbol };
      traces.push(traceOf(one.name, one.of, marker));
    }
    if (chosen.rest !== null) {
      const others = [...seen.keys()].filter((i) => !seen[i]);
      if (others.length) traces.unshift(traceOf(chosen.rest, others, { color: data.other, opacity: 0.45 }));
    }
    return traces;
  };
  const layout = () => ({
    height: Math.min(560, Math.max(360, window.innerHeight * 0.7)),
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: colour("text"), size: 13 },
    margin: { l: 0, r: 0, t: 30, b: 0 }, hovermode: "closest", dragmode: "zoom", uirevision: "map",
    legend: { orientation: "h", y: -0.02, yanchor: "top", x: 0, itemsizing: "constant" },
    xaxis: { visible: false }, yaxis: { visible: false, scaleanchor: "x" },
  });
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };
  const draw = () => window.Plotly.react(plot, tracesOf(data.colourings[choice.value]), layout(), config);

  const unpack = async () => {
    const packed = Uint8Array.from(atob(at("plotly-packed").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const program = document.createElement("script");
    program.textContent = await new Response(stream).text();
    document.head.append(program);
  };
  let begun = false;
  const begin = async () => {
    if (begun) return;
    begun = true;
    start.hidden = true;
    try {
      await unpack();
      live.hidden = false;
      await draw();
      at("map-drawn").classList.add("replaced");
    } catch (error) {  // the drawn map stays, and says why there is no other
      live.hidden = true;
      start.hidden = false;
      start.textContent = "The map cannot be explored in this browser: " + error.message;
    }
  };
  data.colourings.forEach((one, i) => choice.add(new Option(one.name, String(i))));
  choice.addEventListener("change", draw);
  const redraw = () => { if (window.Plotly && !live.hidden) draw(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  document.querySelectorAll("input[name=theme]").forEach((one) => one.addEventListener("change", redraw));
  at("map-button").addEventListener("click", begin);
  start.hidden = false;
  // With a mouse it comes by itself; under a finger it would catch the page's scrolling.
  if (matchMedia("(hover: hover)").matches) {
    new IntersectionObserver((entries, own) => {
      if (entries.some((one) => one.isIntersecting)) { own.disconnect(); begin(); }
    }, { rootMargin: "300px" }).observe(at("map-drawn"));
  }
})();
