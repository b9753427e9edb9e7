// The page: what is asked on the left, what comes of it on the right.

import * as server from "./server.js";
import { Changes } from "./changes.js";
import { Viewer } from "./viewer.js";

const GLANCE = 300; // milliseconds between two looks at a job
const HEARTBEAT = 60000; // tells the server that somebody is still here
const MEGABYTE = 1048576;
const at = (name) => document.getElementById(name);
const visible = (name, yes) => { at(name).hidden = !yes; };

let known = null; // what the server said when the page was opened
let jobs = new Map(); // results of this visitor by key
let current = null; // key of the one that is shown
let givenUp = false;
let viewer = null;
const changes = new Changes({ show: showChange, jobs: () => jobs, glance: GLANCE });

function method() {
  return known.methods.find((each) => each.name === document.querySelector("#methods input:checked").value);
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// ---- asking

function drawMethods() {
  for (const [index, each] of known.methods.entries()) {
    const input = element("input", { type: "radio", name: "method", value: each.name, checked: index === 0 });
    input.addEventListener("change", drawMethod);
    at("methods").append(element("label", {}, input, each.title));
  }
  const { least, greatest, value } = known.resolution;
  Object.assign(at("resolution"), { min: least, max: greatest, value });
  at("resolution-value").textContent = value;
  at("resolution").addEventListener("input", () => { at("resolution-value").textContent = at("resolution").value; });
  at("bounds").textContent = `JPEG, PNG or WebP, up to ${Math.round(known.limits.bytes / MEGABYTE)} MB`;
  at("kept").textContent = `Pictures are deleted ${known.limits.minutes} minutes after you close the page.`;
  drawMethod();
}

function drawMethod() {
  const { asks, caution, examples, name } = method();
  at("asks").textContent = asks;
  at("caution").textContent = caution || "";
  visible("resolution-row", name === "body");
  visible("examples-block", examples.length > 0);
  at("examples").replaceChildren(...examples.map((example) => {
    const button = element("button", { type: "button", title: example.title });
    button.append(element("img", { src: example.address, alt: `Example: ${example.title}` }));
    button.addEventListener("click", () => reconstruct({ example: example.name }));
    return button;
  }));
}

function settings() {
  const words = { method: method().name };
  if (at("person").value) words.person = at("person").value;
  if (words.method === "body") words.resolution = at("resolution").value;
  return words;
}

async function reconstruct(words, file) {
  changes.stop();
  current = null;
  givenUp = false;
  clearResult();
  visible("result", true);
  showStatus({ state: "waiting", doing: file ? "uploading" : "asking", share: 0 });
  if (matchMedia("(max-width: 800px)").matches) at("result").scrollIntoView({ behavior: "smooth" });
  try {
    if (file && file.size > known.limits.bytes) {
      throw new Error(`The file is larger than ${Math.round(known.limits.bytes / MEGABYTE)} MB; choose a smaller one.`);
    }
    const job = await server.reconstruct({ ...settings(), ...words }, file);
    jobs.set(job.key, job);
    current = job.key;
    if (givenUp) await server.cancel(job.key);
    showJob(job);
    follow(job.key);
  } catch (error) {
    showFailure(error.message);
  }
}

async function follow(key) {
  while (current === key) {
    await new Promise((resolve) => setTimeout(resolve, GLANCE));
    if (current !== key) return;
    try {
      const job = await server.look(key);
      jobs.set(key, job);
      if (current !== key) return;
      showJob(job);
      if (["done", "failed", "cancelled"].includes(job.state)) break;
    } catch (error) {
      showFailure(error.message);
      return;
    }
  }
  await refresh().catch(() => {});
  drawEarlier();
}

async function refresh() {
  jobs = new Map((await server.state()).jobs.map((job) => [job.key, job]));
}

// ---- showing

function clearResult() {
  for (const name of ["error", "mesh", "shown", "change", "downloads", "status"]) visible(name, false);
  for (const name of ["pictures", "download-links", "notes", "sliders"]) at(name).replaceChildren();
  if (viewer) viewer.clear();
  at("shown-picture").removeAttribute("src");
  delete at("pictures").dataset.chosen;
}

function showStatus(job) {
  const waits = job.state === "waiting" && job.place;
  const before = waits ? job.place - 1 : 0;
  const place = before ? `${before} waiting before you` : "you are next";
  at("doing").textContent = server.sentence(waits ? `Waiting: ${place}` : job.doing);
  at("share").value = job.share;
  visible("status", !["done", "failed", "cancelled"].includes(job.state));
}

function showFailure(sentence) {
  visible("status", false);
  at("error").textContent = sentence;
  visible("error", true);
}

function showJob(job) {
  showStatus(job);
  if (job.state === "failed") showFailure(server.sentence(job.error));
  if (job.state === "cancelled") showFailure("Cancelled.");
  const of = (role) => job.files.filter((file) => file.role === role);
  addPictures(of("picture"));
  for (const file of of("mesh")) showMesh(file.address);
  drawDownloads(job);
  at("notes").replaceChildren(...job.notes.map((note) => element("li", { textContent: server.sentence(note) })));
  if (job.state === "done" && job.sliders.length && at("change").hidden) changes.begin(job);
}

function addPictures(pictures) {
  const shown = new Set([...at("pictures").children].map((button) => button.dataset.address));
  const fresh = pictures.filter((picture) => !shown.has(picture.address));
  for (const picture of fresh) {
    const image = element("img", { src: picture.address, alt: picture.label });
    const button = element("button", { type: "button", title: picture.label }, image);
    button.dataset.address = picture.address;
    button.addEventListener("click", () => {
      at("pictures").dataset.chosen = "yes";
      showPicture(picture);
    });
    at("pictures").append(button);
  }
  // the newest of the first three: the picture, then what is drawn over it
  const first = pictures[Math.min(pictures.length, 3) - 1];
  const free = !at("pictures").dataset.chosen && (pictures.length <= 3 || !at("shown-picture").src);
  if (fresh.length && first && free) showPicture(first);
}

function showPicture(picture) {
  Object.assign(at("shown-picture"), { src: picture.address, alt: picture.label });
  at("shown-link").href = picture.address;
  at("shown-label").textContent = picture.label;
  for (const button of at("pictures").children) {
    button.setAttribute("aria-pressed", String(button.dataset.address === picture.address));
  }
  visible("shown", true);
}

async function showMesh(address) {
  if (at("viewer").dataset.address === address && !at("mesh").hidden) return;
  at("viewer").dataset.address = address;
  visible("mesh", true);
  try {
    if (!viewer) {
      viewer = new Viewer(at("viewer"));
      drawLook();
    }
    await viewer.show(address);
    at("viewer").dataset.drawn = address;
  } catch (error) {
    visible("mesh", false);
    at("notes").append(element("li", { textContent: `The mesh cannot be drawn here (${error.message}); download it.` }));
  }
}

function drawLook() {
  const buttons = [...document.querySelectorAll("[data-look]")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      viewer.setLook(button.dataset.look);
      for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
    });
  }
  at("home").addEventListener("click", () => viewer.home());
}

function drawDownloads(job) {
  const files = job.files.filter((file) => file.role === "mesh" || file.role === "download");
  visible("downloads", files.length > 0);
  at("download-links").replaceChildren(...files.map((file) =>
    element("a", { href: `${file.address}?save`, download: "", textContent: file.label })));
}

// What the sliders made, over the result that they belong to; null for the result itself.
function showChange(result, changed) {
  at("pictures").querySelector("[data-changed]")?.remove();
  const picture = changed?.files.find((file) => file.label === "Changed");
  const overlays = result.files.filter((file) => file.role === "picture");
  if (picture) {
    addPictures([picture]);
    const button = at("pictures").lastElementChild;
    button.dataset.changed = "yes";
    showPicture(picture);
  } else if (changed) {
    addChangedPictures(changed);
  } else {
    at("pictures").replaceChildren();
    addPictures(overlays);
  }
  const mesh = (changed || result).files.find((file) => file.role === "mesh");
  if (mesh) showMesh(mesh.address);
  if (!changed || mesh) drawDownloads(changed && mesh ? changed : result);
}

// A method whose changes make every picture anew.
function addChangedPictures(changed) {
  const pictures = changed.files.filter((file) => file.role === "picture");
  if (!pictures.length) return;
  at("pictures").replaceChildren();
  addPictures(pictures);
}

function drawEarlier() {
  const finished = [...jobs.values()].filter((job) => job.state === "done" && !job.base);
  visible("earlier", finished.length > 1);
  at("earlier-results").replaceChildren(...finished.map((job) => {
    const picture = job.files.find((file) => file.role === "picture");
    const image = element("img", { src: picture.address, alt: job.method });
    const button = element("button", { type: "button", title: job.method }, image);
    button.setAttribute("aria-pressed", String(job.key === current));
    button.addEventListener("click", () => {
      changes.stop();
      current = job.key;
      clearResult();
      visible("result", true);
      showJob(job);
      drawEarlier();
    });
    return button;
  }));
}

// ---- beginning

function listen() {
  const drop = at("drop");
  at("file").addEventListener("change", () => {
    if (at("file").files.length) reconstruct({}, at("file").files[0]);
    at("file").value = "";
  });
  drop.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") at("file").click();
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
    });
  }
  document.addEventListener("drop", (event) => take(event.dataTransfer.files));
  document.addEventListener("paste", (event) => take(event.clipboardData.files));
  at("cancel").addEventListener("click", async () => {
    givenUp = true; // also of what is still on its way to the server
    try {
      if (current) await server.cancel(current);
    } catch (error) {
      showFailure(error.message);
    }
  });
  at("leave").addEventListener("click", async () => {
    await server.leave().catch(() => {});
    location.reload();
  });
  setInterval(() => {
    if (!document.hidden) server.state().catch(() => {});
  }, HEARTBEAT);
}

function take(files) {
  if (files.length) reconstruct({}, files[0]);
}

async function begin() {
  try {
    known = await server.state();
  } catch (error) {
    visible("result", true);
    clearResult();
    showFailure(error.message);
    return;
  }
  jobs = new Map(known.jobs.map((job) => [job.key, job]));
  drawMethods();
  listen();
  drawEarlier();
}

begin();
