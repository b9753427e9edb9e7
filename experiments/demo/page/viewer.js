// A mesh to turn. Draws only when something has changed. THREE is three.js, served beside this file.

const FIELD_OF_VIEW = 30;
const KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

export class Viewer {
  constructor(host) {
    this.host = host;
    this.look = "colours";
    this.scene = new THREE.Scene();
    this.camera = new THREE.PerspectiveCamera(FIELD_OF_VIEW, 1, 0.01, 100);
    this.renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true, preserveDrawingBuffer: true });
    this.renderer.outputEncoding = THREE.LinearEncoding; // colours of photographs pass as they are
    host.append(this.renderer.domElement);
    const lamp = new THREE.DirectionalLight(0xffffff, 0.62);
    lamp.position.set(-0.5, 0.7, 1);
    this.camera.add(lamp);
    this.scene.add(this.camera, new THREE.AmbientLight(0xffffff, 0.32));
    this.controls = new THREE.TrackballControls(this.camera, this.renderer.domElement);
    this.controls.staticMoving = true;
    this.controls.rotateSpeed = 3;
    this.controls.noPan = true;
    for (const event of ["pointermove", "wheel"]) {
      this.renderer.domElement.addEventListener(event, () => this.draw(), { passive: true });
    }
    this.renderer.domElement.addEventListener("pointerdown", () => this.controls.handleResize(), true);
    host.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.resize()).observe(host);
    this.home();
  }

  // Replaces the mesh and keeps the side from which it is looked at.
  async show(address) {
    this.wanted = address;
    const answer = await fetch(address, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const loaded = await new THREE.GLTFLoader().parseAsync(await answer.arrayBuffer(), "");
    if (this.wanted !== address) return;
    let found = null;
    loaded.scene.traverse((node) => {
      if (node.isMesh) found = node;
    });
    if (!found) throw new Error("The mesh is empty.");
    this.clear();
    const geometry = found.geometry;
    smoothNormals(geometry);
    const map = found.material.map;
    if (map) map.encoding = THREE.LinearEncoding;
    const side = THREE.DoubleSide;
    this.materials = {
      colours: map || geometry.attributes.color
        ? new THREE.MeshBasicMaterial({ map, vertexColors: !map, side })
        : new THREE.MeshLambertMaterial({ color: 0xc8ccca, side }),
      shape: new THREE.MeshPhongMaterial({ color: 0xc8ccca, specular: 0x1c1c1c, shininess: 24, side }),
      wires: new THREE.MeshBasicMaterial({ color: 0x3f8f86, wireframe: true }),
    };
    this.mesh = new THREE.Mesh(geometry, this.materials[this.look]);
    geometry.computeBoundingSphere();
    const { center, radius } = geometry.boundingSphere;
    this.mesh.position.copy(center).multiplyScalar(-1 / radius);
    this.mesh.scale.setScalar(1 / radius);
    this.scene.add(this.mesh);
    this.resize();
  }

  clear() {
    this.wanted = null;
    if (!this.mesh) return;
    this.scene.remove(this.mesh);
    this.mesh.geometry.dispose();
    for (const material of Object.values(this.materials)) {
      if (material.map) material.map.dispose();
      material.dispose();
    }
    this.mesh = null;
  }

  setLook(look) {
    this.look = look;
    if (this.mesh) this.mesh.material = this.materials[look];
    this.draw();
  }

  home() {
    this.controls.reset();
    const narrow = Math.min(1, this.camera.aspect);
    this.camera.position.set(0, 0, 1.12 / Math.sin(THREE.MathUtils.degToRad(FIELD_OF_VIEW / 2)) / narrow);
    this.camera.up.set(0, 1, 0);
    this.controls.target.set(0, 0, 0);
    this.controls.update();
    this.draw();
  }

  key(event) {
    const [down, right] = KEYS[event.key] || [];
    if (down === undefined) return;
    event.preventDefault();
    const step = Math.PI / 12;
    const across = new THREE.Vector3().crossVectors(this.camera.up, this.camera.position).normalize();
    this.camera.position.applyAxisAngle(this.camera.up, right * step).applyAxisAngle(across, down * step);
    this.camera.up.applyAxisAngle(across, down * step);
    this.draw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    this.renderer.setSize(width, height);
    const before = Math.min(1, this.camera.aspect);
    this.camera.aspect = width / height;
    this.camera.position.multiplyScalar(before / Math.min(1, this.camera.aspect));
    this.camera.updateProjectionMatrix();
    this.controls.handleResize();
    this.draw();
  }

  draw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.controls.update();
      this.renderer.render(this.scene, this.camera);
    });
  }
}

// Normals that do not break where the texture has a seam: corners at one place share theirs.
function smoothNormals(geometry) {
  geometry.computeVertexNormals();
  const { position, normal } = geometry.attributes;
  const sums = new Map();
  const keys = new Array(position.count);
  for (let i = 0; i < position.count; i++) {
    keys[i] = `${position.getX(i)},${position.getY(i)},${position.getZ(i)}`;
    const sum = sums.get(keys[i]) || sums.set(keys[i], new THREE.Vector3()).get(keys[i]);
    sum.x += normal.getX(i);
    sum.y += normal.getY(i);
    sum.z += normal.getZ(i);
  }
  for (const sum of sums.values()) sum.normalize();
  for (let i = 0; i < position.count; i++) {
    const sum = sums.get(keys[i]);
    normal.setXYZ(i, sum.x, sum.y, sum.z);
  }
}
