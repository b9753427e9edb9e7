// The sliders of one result: asks the server for the newest position, one at a time.

import * as server from "./server.js";

const at = (name) => document.getElementById(name);

export class Changes {
  // show(result, changed): draws what came of it; jobs(): results by key; glance: milliseconds between two looks
  constructor({ show, jobs, glance }) {
    Object.assign(this, { show, jobs, glance, result: null, busy: false, again: false });
    at("reset").addEventListener("click", () => this.reset());
    at("wear").addEventListener("change", () => this.ask());
  }

  begin(result) {
    this.result = result;
    this.inputs = new Map();
    at("sliders").replaceChildren(...result.sliders.map((slider) => this.row(slider)));
    this.drawWear();
    at("change-doing").textContent = "";
    at("change").hidden = false;
  }

  stop() {
    this.result = null;
    at("change").hidden = true;
  }

  row(slider) {
    const input = Object.assign(document.createElement("input"), {
      type: "range", min: slider.least, max: slider.greatest, step: slider.step, value: slider.value, name: slider.name,
    });
    const output = document.createElement("output");
    const tell = () => { output.textContent = `${input.value}${slider.unit}`; };
    tell();
    input.addEventListener("input", tell);
    input.addEventListener("change", () => this.ask());
    this.inputs.set(slider.name, { input, slider, tell });
    const words = document.createElement("span");
    words.append(slider.label, output);
    const label = document.createElement("label");
    label.append(words, input);
    return label;
  }

  // Other results whose texture this one can wear.
  drawWear() {
    const others = [...this.jobs().values()].filter(
      (job) => job.wear && job.state === "done" && job.key !== this.result.key);
    at("wear-row").hidden = !this.result.wear;
    const own = new Option(others.length ? "its own" : "its own; make another to swap", "");
    at("wear").replaceChildren(own, ...others.map((job, index) => new Option(`result ${index + 1}`, job.key)));
    at("wear").disabled = !others.length;
  }

  reset() {
    for (const { input, slider, tell } of this.inputs.values()) {
      input.value = slider.value;
      tell();
    }
    at("wear").value = "";
    this.again = false;
    at("change-doing").textContent = "";
    this.show(this.result, null);
  }

  positions() {
    const moved = [...this.inputs.values()].filter(({ input, slider }) => Number(input.value) !== slider.value);
    return Object.fromEntries(moved.map(({ input }) => [input.name, Number(input.value)]));
  }

  async ask() {
    this.again = true;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.again && this.result) {
        this.again = false;
        await this.once(this.result);
      }
    } catch (error) {
      at("change-doing").textContent = error.message;
    } finally {
      this.busy = false;
    }
  }

  async once(result) {
    at("change-doing").textContent = "Working …";
    let job = await server.change(result.key, this.positions(), at("wear").value || null);
    while (!["done", "failed", "cancelled"].includes(job.state)) {
      await new Promise((resolve) => setTimeout(resolve, this.glance));
      job = await server.look(job.key);
      if (this.result !== result) return;
      at("change-doing").textContent = server.sentence(job.place > 1 ? `${job.place - 1} before you` : job.doing);
    }
    if (job.state === "failed") throw new Error(server.sentence(job.error));
    if (this.result !== result || this.again || job.state !== "done") return;
    at("change-doing").textContent = "";
    this.show(result, job);
  }
}
