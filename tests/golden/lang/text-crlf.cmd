# printf '\357\273\277# begins with a mark\r\nmodel main(x: fp16[2]) -> y {\r\n    y = relu(x)\r\n        + x\r\n}\r\n' >%t/p.anedsl && anec --target host --check %t/p.anedsl
