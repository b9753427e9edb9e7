// Meshes to turn. One WebGL context draws all of them, each into the plain canvas of its figure: browsers allow few.
(() => {
  "use strict";
  const figures = [...document.querySelectorAll("figure.mesh")];
  if (!figures.length) return;

  const say = (figure, words) => {
    figure.dataset.state = "failed";
    figure.querySelector(".state").textContent = words;
  };

  let renderer;
  try {
    renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true, preserveDrawingBuffer: true });
  } catch (error) {
    for (const figure of figures) say(figure, "This browser cannot draw in three dimensions (no WebGL).");
    return;
  }
  renderer.outputEncoding = THREE.sRGBEncoding;
  const FIELD_OF_VIEW = 30;
  const START = { yaw: 0.5, pitch: 0.12, distance: 1 };

  const bytesOf = (figure) => {
    const text = atob(figure.querySelector("script.glb").textContent.trim());
    const bytes = new Uint8Array(text.length);
    for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place);
    return bytes.buffer;
  };

  // glTF's colours are linear; the files hold the colours of the screen
  const linear = (geometry) => {
    const stored = geometry.attributes.color;
    if (!stored) return;
    const scale = stored.array instanceof Uint8Array ? 255 : stored.array instanceof Uint16Array ? 65535 : 1;
    const colours = new Float32Array(3 * stored.count);
    const colour = new THREE.Color();
    for (let place = 0; place < stored.count; place++) {
      colour.setRGB(stored.getX(place) / scale, stored.getY(place) / scale, stored.getZ(place) / scale);
      colour.convertSRGBToLinear().toArray(colours, 3 * place);
    }
    geometry.setAttribute("color", new THREE.BufferAttribute(colours, 3));
  };

  const prepared = (root) => {
    const grey = new THREE.MeshStandardMaterial({ color: 0x9c9c9c, side: THREE.DoubleSide, roughness: 1, metalness: 0 });
    root.traverse((part) => {
      if (!part.isMesh) return;
      linear(part.geometry);
      const bare = !part.material.map && !part.geometry.attributes.color;
      part.material.side = THREE.DoubleSide;
      part.material.metalness = 0;
      part.material.roughness = 1;
      part.userData = { coloured: bare ? grey : part.material, grey };
      part.material = part.userData.coloured;
    });
    return root;
  };

  class View {
    constructor(figure, root) {
      this.figure = figure;
      this.canvas = figure.querySelector("canvas");
      this.pencil = this.canvas.getContext("2d");
      this.root = prepared(root);
      const box = new THREE.Box3().setFromObject(root);
      const size = box.getSize(new THREE.Vector3());
      this.radius = size.length() / 2 || 1;
      this.halfHeight = size.y / 2;
      this.halfWidth = Math.hypot(size.x, size.z) / 2;
      root.position.sub(box.getCenter(new THREE.Vector3()));
      this.scene = new THREE.Scene();
      this.scene.add(root, new THREE.AmbientLight(0xffffff, 0.65));
      this.light = new THREE.DirectionalLight(0xffffff, 0.5);
      this.scene.add(this.light);
      this.camera = new THREE.PerspectiveCamera(FIELD_OF_VIEW, 1, this.radius / 50, this.radius * 100);
      this.pointers = new Map();
      this.waiting = false;
      this.reset();
      this.listen();
      new ResizeObserver(() => this.ask()).observe(this.canvas);
    }

    reset() {
      Object.assign(this, START);
      this.ask();
    }

    turn(yaw, pitch) {
      this.yaw += yaw;
      this.pitch = Math.max(-1.5, Math.min(1.5, this.pitch + pitch));
      this.ask();
    }

    zoom(factor) {
      this.distance = Math.max(0.15, Math.min(6, this.distance * factor));
      this.ask();
    }

    ask() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.draw();
      });
    }

    draw() {
      const scale = Math.min(window.devicePixelRatio || 1, 2);
      const width = Math.round(this.canvas.clientWidth * scale);
      const height = Math.round(this.canvas.clientHeight * scale);
      if (!width || !height) return;
      if (this.canvas.width !== width || this.canvas.height !== height) {
        this.canvas.width = width;
        this.canvas.height = height;
      }
      // whichever way it is turned about its upright axis, it fits
      const needed = Math.max(this.halfHeight, (this.halfWidth * height) / width) * 1.06;
      const away = this.distance * (needed / Math.tan((FIELD_OF_VIEW * Math.PI) / 360) + this.halfWidth);
      this.camera.aspect = width / height;
      this.camera.updateProjectionMatrix();
      const level = Math.cos(this.pitch) * away;
      this.camera.position.set(Math.sin(this.yaw) * level, Math.sin(this.pitch) * away, Math.cos(this.yaw) * level);
      this.camera.lookAt(0, 0, 0);
      this.light.position.copy(this.camera.position).add(new THREE.Vector3(0, 0.4 * this.radius, 0));
      renderer.setSize(width, height, false);
      renderer.render(this.scene, this.camera);
      this.pencil.clearRect(0, 0, width, height);
      this.pencil.drawImage(renderer.domElement, 0, 0);
      this.figure.dataset.state = "drawn";
    }

    listen() {
      const canvas = this.canvas;
      canvas.addEventListener("pointerdown", (event) => {
        this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
        canvas.setPointerCapture(event.pointerId);
      });
      canvas.addEventListener("pointermove", (event) => {
        const before = this.pointers.get(event.pointerId);
        if (!before) return;
        const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
        if (others.length) {
          const apart = (point) => Math.hypot(point.x - others[0].x, point.y - others[0].y) || 1;
          this.zoom(apart(before) / apart({ x: event.clientX, y: event.clientY }));
        } else {
          this.turn((before.x - event.clientX) * 0.01, (event.clientY - before.y) * 0.01);
        }
        this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      });
      const lift = (event) => this.pointers.delete(event.pointerId);
      canvas.addEventListener("pointerup", lift);
      canvas.addEventListener("pointercancel", lift);
      // the wheel alone scrolls the page
      const zoomed = (event) => {
        if (!event.ctrlKey && document.activeElement !== canvas) return;
        event.preventDefault();
        this.zoom(Math.exp(event.deltaY * 0.001));
      };
      canvas.addEventListener("wheel", zoomed, { passive: false });
      const keys = {
        ArrowLeft: () => this.turn(-0.15, 0), ArrowRight: () => this.turn(0.15, 0),
        ArrowUp: () => this.turn(0, 0.15), ArrowDown: () => this.turn(0, -0.15),
        "+": () => this.zoom(0.85), "-": () => this.zoom(1 / 0.85), 0: () => this.reset(),
      };
      canvas.addEventListener("keydown", (event) => {
        if (!keys[event.key] || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        keys[event.key]();
      });
      const press = (name, action) => this.figure.querySelector(`button.${name}`).addEventListener("click", action);
      press("closer", () => this.zoom(0.8));
      press("farther", () => this.zoom(1.25));
      press("back", () => this.reset());
      press("grey", (event) => {
        const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
        event.currentTarget.setAttribute("aria-pressed", String(on));
        this.root.traverse((part) => {
          if (part.isMesh) part.material = on ? part.userData.grey : part.userData.coloured;
        });
        this.ask();
      });
    }
  }

  const show = (figure) => {
    figure.dataset.state = "reading";
    const failed = () => say(figure, "This mesh could not be read.");
    try {
      new THREE.GLTFLoader().parse(bytesOf(figure), "", (read) => new View(figure, read.scene), failed);
    } catch (error) {
      failed();
    }
  };

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      show(entry.target);
    }
  }, { rootMargin: "800px" });
  for (const figure of figures) seen.observe(figure);
})();
