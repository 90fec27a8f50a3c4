# cd %t && printf 'version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n' | tee a.mlmodel a.mil a.anedsl w.npy w.safetensors >/dev/null; anec a.mlmodel; anec a.mil; anec a.anedsl; for f in {path}.npy w.safetensors; do { echo "weights from \"$f\""; printf 'model main(x: fp16[2]) -> y {\n    weight w: fp16[2]\n    y = x + w\n}\n'; } >b.anedsl; anec b.anedsl; done
# exit: 1
