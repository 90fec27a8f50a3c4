// peer.js -- runs a net on onnxruntime over and over, and tells what steady.c tells of ours.
//
// usage: node peer.js DIR/NET THREADS SECONDS      with onnxruntime-node where node finds it (NODE_PATH)
//
// Of memory and of the start that is counted which comes after node and the library have been loaded.
// Several runs are timed together where one is short, so that the clock's own cost does not count.
"use strict";
const fs = require("fs");
const path = require("path");
const ort = require("onnxruntime-node");
const [net, threads, seconds] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

const cpu = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1e3; };
const wall = () => Number(process.hrtime.bigint()) / 1e6;
const peak = () => Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync("/proc/self/status"))[1]) / 1024;

function tensorOf(told, [name, shape]) {
  const raw = fs.readFileSync(`${net}.${name}.raw`);
  const whole = raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length);
  const data = told.dtype === "fp16" ? new Uint16Array(whole) : new Float32Array(whole);
  return new ort.Tensor(told.dtype === "fp16" ? "float16" : "float32", data, shape);
}

async function main() {
  const told = JSON.parse(fs.readFileSync(`${net}.json`));
  const feeds = {};
  for (const input of told.inputs) feeds[input[0]] = tensorOf(told, input);
  const before = cpu(), held = peak();
  process.chdir(path.dirname(net));
  const session = await ort.InferenceSession.create(path.basename(net) + ".onnx", {
    intraOpNumThreads: threads, interOpNumThreads: 1, graphOptimizationLevel: "all", logSeverityLevel: 3,
  });
  const results = await session.run(feeds);
  const first = cpu() - before;
  told.results.forEach((name, i) => {
    const data = results[name].data;
    fs.writeFileSync(`${path.basename(net)}.peer.${i}.raw`, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  });
  const least = { cpu: Infinity, wall: Infinity };
  const until = wall() + seconds * 1e3;
  let together = 1;
  for (let i = 0; i < 5 || wall() < until; i++) {
    const [c, w] = [cpu(), wall()];
    for (let k = 0; k < together; k++) await session.run(feeds);
    const took = wall() - w;
    least.cpu = Math.min(least.cpu, (cpu() - c) / together);
    least.wall = Math.min(least.wall, took / together);
    if (took < 2) together *= 2;
  }
  const numbers = [least.cpu.toFixed(4), least.wall.toFixed(4), (first - least.cpu).toFixed(2), (peak() - held).toFixed(1)];
  console.log(numbers.join(" "));
}

main().catch((e) => { console.error(`peer: ${e.message}`); process.exit(1); });
