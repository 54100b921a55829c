"use strict";

// The viewer: a dance from the front and from the side, its music, and the beats of both.
const results = JSON.parse(document.getElementById("results").textContent);
const byId = (id) => document.getElementById(id);
const element = (name, text, attributes = {}) => {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

const viewer = (() => {
  const { bones, torso, pelvis, unit, excerpt_s: excerptS, dances } = results.body;
  const canvas = byId("dancer");
  const strip = byId("strip");
  const audio = byId("heard");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const ELEVATION = (11 * Math.PI) / 180;
  const [SIN, COS] = [Math.sin(ELEVATION), Math.cos(ELEVATION)];
  const DISTANCE = 4.5; // of the camera, in bodies from shoulders to ankles, as the rest
  const MIDDLE = 0.72; // of a standing body
  const SHOWN_S = 10; // on the strip
  const waiting = {};
  const loaded = {};
  let facts = null; // of the dance shown
  let shown = -1; // its place in the list
  let track = null; // the music: null for none
  let time = 0;
  let before = 0; // when the last frame was drawn, ms
  let playing = false;
  let seen = true; // whether the canvas is in the window
  let told = () => []; // what the chosen model takes the excerpts of a dance for

  // Files: a script for each dance, as a page that is opened from a disk may not fetch.
  const take = (name, given) => waiting[name]({
    ...given,
    points: new Int16Array(Uint8Array.from(atob(given.points), (c) => c.charCodeAt(0)).buffer),
  });
  const load = (name) => {
    loaded[name] ??= new Promise((resolve) => {
      waiting[name] = resolve;
      document.body.append(element("script", "", { src: `dances/${name}.js` }));
    });
    return loaded[name];
  };

  // Where the points are: a smooth curve through the frames.
  const pointsAt = (second) => {
    const { points, rate, size, frames } = facts;
    const place = Math.min(second * rate, frames - 1);
    const frame = Math.floor(place);
    const u = place - frame;
    const from = [-1, 0, 1, 2].map((n) => Math.max(0, Math.min(frames - 1, frame + n)) * size);
    const weights = [((2 - u) * u - 1) * u, (3 * u - 5) * u * u + 2, ((4 - 3 * u) * u + 1) * u, (u - 1) * u * u];
    return Float64Array.from({ length: size }, (_, k) =>
      weights.reduce((sum, weight, n) => sum + weight * points[from[n] + k], 0) / (2 * unit));
  };
  // The camera goes along with the body, a second slower, so that a wandering dancer stays large.
  const followed = ({ points, rate, size, frames }) => {
    const half = Math.round(rate);
    const sums = [[0], [0]];
    for (let frame = 0; frame < frames; frame += 1) {
      [0, 2].forEach((axis, n) => sums[n].push(sums[n][frame] + points[frame * size + 3 * pelvis + axis] / unit));
    }
    return (second) => {
      const frame = Math.min(second * rate, frames - 1);
      const [low, high] = [Math.max(0, frame - half), Math.min(frames, frame + half + 1)];
      const upTo = (sum, end) => {
        const n = Math.floor(end);
        return sum[n] + (end - n) * ((sum[n + 1] ?? sum[n]) - sum[n]);
      };
      return sums.map((sum) => (upTo(sum, high) - upTo(sum, low)) / (high - low));
    };
  };

  // Drawing
  const fitted = (target) => {
    const scale = devicePixelRatio || 1;
    const [width, height] = [target.clientWidth, target.clientHeight];
    if (target.width !== Math.round(width * scale) || target.height !== Math.round(height * scale)) {
      target.width = Math.round(width * scale);
      target.height = Math.round(height * scale);
    }
    const context = target.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.lineCap = "round";
    return [context, width, height];
  };
  const drawBody = (context, points, [cx, cz], yaw, left, width, height, colours) => {
    const scale = (Number(byId("zoom").value) / 100) * (height / 1.95);
    const [sin, cos] = [Math.sin(yaw), Math.cos(yaw)];
    const at = (x, y, z) => {
      const [ahead, up] = [cos * (z - cz) - sin * (x - cx), y - MIDDLE];
      const depth = SIN * up + COS * ahead;
      const near = (scale * DISTANCE) / (DISTANCE - Math.min(depth, DISTANCE - 0.5));
      const across = cos * (x - cx) + sin * (z - cz);
      return [left + width / 2 + across * near, 0.51 * height - (COS * up - SIN * ahead) * near, depth];
    };
    const line = (a, b, thick, colour) => {
      context.strokeStyle = colour;
      context.lineWidth = thick;
      context.beginPath();
      context.moveTo(a[0], a[1]);
      context.lineTo(b[0] + 0.01, b[1]); // a line of no length would not be drawn as a disc
      context.stroke();
    };
    context.save();
    context.beginPath();
    context.rect(left, 0, width, height);
    context.clip();
    const [near, step] = [2, 0.4];
    for (let n = Math.ceil((cx - near) / step); n * step <= cx + near; n += 1) {
      line(at(n * step, 0, cz - near), at(n * step, 0, cz + near), 1, colours.grid);
    }
    for (let n = Math.ceil((cz - near) / step); n * step <= cz + near; n += 1) {
      line(at(cx - near, 0, n * step), at(cx + near, 0, n * step), 1, colours.grid);
    }
    const count = points.length / 3;
    const places = Array.from({ length: count }, (_, n) => at(points[3 * n], points[3 * n + 1], points[3 * n + 2]));
    const shadow = Array.from({ length: count }, (_, n) => at(points[3 * n], 0, points[3 * n + 2]));
    for (const [a, b] of bones) line(shadow[a], shadow[b], 0.09 * scale, colours.shade);
    context.fillStyle = colours.torso;
    context.beginPath();
    for (const corner of torso) context.lineTo(places[corner][0], places[corner][1]);
    context.fill();
    const depth = ([a, b]) => places[a][2] + places[b][2];
    for (const [a, b, thick, colour, edge] of [...bones].sort((one, other) => depth(one) - depth(other))) {
      const [p, q] = [places[a], places[b]];
      const part = (share) => [p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])];
      if (edge) line(part(0.2), part(0.8), (thick + 0.02) * scale, colours[edge]);
      line(p, q, thick * scale, colours[colour]);
    }
    context.restore();
  };
  const drawStrip = (colours) => {
    const [context, width, height] = fitted(strip);
    const x = (second) => width / 2 + ((second - time) / SHOWN_S) * width;
    const inside = (second) => Math.abs(second - time) < 0.55 * SHOWN_S;
    context.font = `${0.8 * parseFloat(getComputedStyle(document.body).fontSize)}px system-ui, sans-serif`;
    for (const [excerpt, name, right] of told(shown)) {
      const [first, last] = [x(excerpt * excerptS) + 1, x((excerpt + 1) * excerptS) - 1];
      context.fillStyle = colours.soft;
      context.fillRect(first, 0, last - first, height);
      context.fillStyle = colours.ink;
      const text = `excerpt ${excerpt}: ${name} ${right ? "✓" : "✗"}`;
      const left = Math.min(Math.max(first, 0) + 5, last - context.measureText(text).width - 5);
      if (last > 0 && first < width) context.fillText(text, Math.max(left, first + 5), height - 6, Math.max(1, last - first));
    }
    const beats = track ? track.beats : [];
    for (const beat of beats.filter(inside)) {
      context.fillStyle = colours.music;
      const now = playing && Math.abs(beat - time) < 0.08;
      context.fillRect(x(beat) - (now ? 3 : 1.25), 4, now ? 6 : 2.5, 0.36 * height);
    }
    context.fillStyle = colours.left;
    for (const beat of facts.motion_beats.filter(inside)) {
      context.beginPath();
      context.moveTo(x(beat), 0.44 * height);
      context.lineTo(x(beat) - 5, 0.68 * height);
      context.lineTo(x(beat) + 5, 0.68 * height);
      context.fill();
    }
    context.fillStyle = colours.ink;
    context.fillRect(width / 2 - 0.75, 0, 1.5, height);
  };
  const draw = () => {
    if (!facts || !seen) return;
    const style = getComputedStyle(document.documentElement);
    const names = ["left", "right", "middle", "head", "torso", "shade", "paper", "grid", "music", "ink", "soft"];
    const colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`)]));
    const [context, width, height] = fitted(canvas);
    const points = pointsAt(time);
    const middle = facts.followed(time);
    const yaw = (Number(byId("turn").value) * Math.PI) / 180;
    const front = Math.round(0.56 * width);
    drawBody(context, points, middle, yaw, 0, front, height, colours);
    drawBody(context, points, middle, yaw + Math.PI / 2, front, width - front, height, colours);
    context.fillStyle = colours.grid;
    context.fillRect(front, 0, 1, height);
    drawStrip(colours);
    byId("time").value = time;
    const said = `second ${time.toFixed(1)} of ${facts.seconds.toFixed(0)}`;
    byId("time").setAttribute("aria-valuetext", said);
    byId("playing").textContent = `${dances[shown].piece}, excerpt ${Math.floor(time / excerptS)}, ${said}`;
  };

  // Playing: the music is the clock while it is heard.
  const tune = () => {
    const wanted = playing && byId("sound").checked && track?.file && time >= track.from && !audio.ended;
    if (wanted && audio.paused) {
      audio.currentTime = time - track.from;
      audio.play().catch(() => { byId("sound").checked = false; });
    } else if (!wanted && !audio.paused) audio.pause();
  };
  const seek = (second) => {
    time = Math.max(0, Math.min(second, facts.seconds));
    audio.pause();
    if (track?.file && time >= track.from) audio.currentTime = time - track.from;
    tune();
    draw();
  };
  const frame = (now) => {
    if (!playing) return;
    const heard = !audio.paused && audio.readyState > 2 && !audio.seeking;
    time = heard ? track.from + audio.currentTime : time + Math.min(0.1, (now - before) / 1000);
    before = now;
    if (time >= facts.seconds) seek(0);
    tune();
    draw();
    requestAnimationFrame(frame);
  };
  const play = (wanted) => {
    if (playing === wanted || !facts) return;
    playing = wanted;
    byId("play").textContent = playing ? "Pause" : "Play";
    before = performance.now();
    tune();
    if (playing) requestAnimationFrame(frame);
    else draw();
  };
  const choose = (value) => {
    const dance = dances[shown];
    if (value === "own") {
      track = { file: dance.sound && `dances/${dance.file}.m4a`, from: 0, beats: facts.music_beats ?? [] };
    } else {
      const { file, from, beats } = dance.tracks[value];
      track = { file: `tracks/${file}`, from, beats };
    }
    audio.pause();
    if (track.file) audio.src = track.file;
    else audio.removeAttribute("src");
    seek(time);
  };
  const listMusic = (dance) => {
    const own = dance.sound ? "its own" : "none: only its features are public";
    const groups = Object.entries(results.methods).map(([method, label]) => {
      const group = element("optgroup", "", { label });
      dance.tracks.forEach((row, n) => {
        const bpm = row.bpm ? `, ${row.bpm} bpm` : "";
        const words = `${row.rank}. ${row.track}, ${row.category}${bpm}, for excerpt ${row.excerpt}`;
        if (row.method === method) group.append(element("option", words, { value: n }));
      });
      return group;
    });
    byId("music").replaceChildren(
      element("option", own, { value: "own" }), ...groups.filter((group) => group.childElementCount));
  };
  /** Show a dance from an excerpt on; with sound where a person has asked for it. */
  const show = async (place, excerpt, asked) => {
    if (asked) byId("sound").checked = true;
    if (place !== shown) {
      shown = place;
      const given = await load(dances[place].file);
      if (shown !== place) return; // another one was asked for meanwhile
      const size = 3 * (1 + Math.max(...bones.flatMap(([a, b]) => [a, b])));
      facts = { ...given, size, frames: given.points.length / size };
      facts.followed = followed(facts);
      byId("time").max = facts.seconds;
      byId("dance-shown").value = place;
      byId("play").disabled = false;
      listMusic(dances[place]);
      time = excerpt * excerptS;
      choose("own");
    }
    seek(excerpt * excerptS);
    if (asked || !calm) play(true);
  };

  // Controls
  canvas.closest("[hidden]").hidden = false;
  for (const [place, { piece, category, tracks }] of dances.entries()) {
    const words = `${category}: ${piece}${tracks.length ? ", with recommended music" : ""}`;
    byId("dance-shown").append(element("option", words, { value: place }));
  }
  byId("play").addEventListener("click", () => {
    if (!playing) byId("sound").checked = true;
    play(!playing);
  });
  byId("sound").addEventListener("change", tune);
  byId("music").addEventListener("change", ({ target }) => {
    byId("sound").checked = true;
    choose(target.value);
  });
  byId("dance-shown").addEventListener("change", ({ target }) => {
    const first = told(Number(target.value))[0];
    show(Number(target.value), first ? first[0] : 0, true);
  });
  byId("time").addEventListener("input", ({ target }) => seek(Number(target.value)));
  for (const id of ["turn", "zoom"]) byId(id).addEventListener("input", draw);
  const dragged = (target, begin) => {
    let [from, move] = [0, null];
    target.addEventListener("pointerdown", (event) => {
      target.setPointerCapture(event.pointerId);
      [from, move] = [event.clientX, facts && begin()];
    });
    target.addEventListener("pointermove", (event) => {
      if (move && target.hasPointerCapture(event.pointerId)) move((event.clientX - from) / target.clientWidth);
    });
  };
  dragged(canvas, () => {
    const before = Number(byId("turn").value) + 180;
    return (share) => {
      byId("turn").value = ((((before + 360 * share) % 360) + 360) % 360) - 180;
      draw();
    };
  });
  dragged(strip, () => {
    const start = time;
    return (share) => seek(start - share * SHOWN_S);
  });
  new ResizeObserver(draw).observe(canvas);
  new IntersectionObserver(([entry]) => { seen = entry.isIntersecting; draw(); }).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  return { take, show, tell: (given) => { told = given; draw(); } };
})();
