# cd %t
# A checkpoint in several files, by its index and as a folder; what may be wrong with one; --weights in place of the program's.
python3 - <<'END'
import json, os, struct
def write(file, tensors):
    head, data = {}, b''
    for name, value in tensors.items():
        head[name] = { 'dtype': 'F32', 'shape': [1], 'data_offsets': [len(data), len(data) + 4] }
        data += struct.pack('<f', value)
    text = json.dumps(head).encode()
    open(file, 'wb').write(struct.pack('<Q', len(text)) + text + data)
def folder(name, index, **files):
    os.mkdir(name)
    for file, tensors in files.items(): write(f'{name}/{file}.safetensors', tensors)
    if index is not None:
        open(f'{name}/model.safetensors.index.json', 'w').write(index if type(index) is str else json.dumps({ 'weight_map': index }))
A, B = { 'm.a': 1 }, { 'm.b': 2 }
right = { 'm.a': 'one.safetensors', 'm.b': 'two.safetensors' }
folder('plain', None, one=A, two=B)
folder('index', right, one=A, two=B, other={ 'm.a': 9 })
folder('twice', None, one=A, two={ 'm.a': 3, 'm.b': 2 })
folder('both', right, one=A, two={ 'm.a': 3, 'm.b': 2 })
folder('absent', right, one=A)
folder('nowhere', right, one=A, two={ 'm.c': 2 })
folder('moved', { 'm.a': 'two.safetensors', 'm.b': 'one.safetensors' }, one=A, two=B)
folder('cut', right, one=A, two=B)
with open('cut/two.safetensors', 'r+b') as f: f.truncate(os.path.getsize('cut/two.safetensors') - 1)
folder('repeats', '{"weight_map": {"m.a": "one.safetensors", "m.a": "two.safetensors"}}', one=A)
folder('number', { 'm.a': 1 }, one=A)
folder('list', '["m.a"]', one=A)
folder('broken', '{"weight_map"', one=A)
folder('leaves', { 'm.a': '../plain/one.safetensors' }, two=B)
folder('empty', None)
folder('indices', right, one=A, two=B)
open('indices/more.safetensors.index.json', 'w').write('{}')
os.mkdir('hub')
for f in os.listdir('index'): os.symlink(f'../index/{f}', f'hub/{f}')
folder('again', None, one={ 'm.a': 10, 'm.b': 20 })
END
program() { { echo "$1"; printf 'model main(x: fp16[1]) -> y {\n    weight a, b: [1]\n    y = x * a + b\n}\n'; } >p.anedsl; }
for d in plain index plain/one.safetensors index/model.safetensors.index.json twice both absent nowhere moved cut repeats number list broken leaves empty indices hub lost.safetensors; do
    echo "$d:"; program "weights from \"$d\" as \"m.{path}\""; anec --target host -o $d.mil p.anedsl 2>&1
done
echo follow-links:; program 'weights from "hub" as "m.{path}"'; anec --target host --follow-links p.anedsl 2>&1 | grep -c const
echo --weights:; program 'weights from "lost.safetensors" as "m.{path}"'
for w in plain index index/model.safetensors.index.json again/one.safetensors hub lost p.anedsl; do echo "$w:"; anerun p.anedsl -b ref --weights $w -i x=1 2>&1; done
echo two:; anerun p.anedsl -b ref --weights plain/one.safetensors --weights plain/two.safetensors -i x=1 2>&1; anerun p.anedsl -b ref --weights plain --weights again -i x=1 2>&1
echo init:; program 'weights init ones'; anerun p.anedsl -b ref --weights plain -i x=1 2>&1
anec --target host -o p.mil p.anedsl; anerun p.mil --weights plain 2>&1; true
