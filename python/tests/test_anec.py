"""The package as its users see it; run from an empty folder, with the package installed."""
import gc
import json
import logging
import os
import threading

import numpy as np
import pytest

import anec

NET = """param width = 4
model main(x: fp32[2, width]) -> y, z {
    weight w: [width] = 2
    y = x * w
    z = y + 1
}
fn double(x) = x + x
"""
MIL = """program(1.0)
{
    func main<ios15>(tensor<int32, [3]> i, tensor<bool, [3]> b) {
        tensor<int32, [3]> j = add(x = i, y = i)[name = tensor<string, []>("j")];
        tensor<bool, [3]> c = logical_not(x = b)[name = tensor<string, []>("c")];
    } -> (j, c);
}
"""
STATE = """model main(x: fp16[1, 4]) -> y {
    state s: fp16[1, 4]
    y = read(s) + x
    write(s, y)
}
"""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.anedsl"
    path.write_text(NET)
    return path


def test_backends_and_version():
    assert {"ref", "cpu", "auto", "ane"} <= set(anec.backends())
    assert anec.__version__


def test_predict(net):
    for backend in ("ref", "cpu", "auto", "sim:m1"):
        model = anec.load(net, backend)
        x = np.arange(8, dtype=np.float32).reshape(2, 4)
        r = model.predict({"x": x})
        assert list(r) == ["y", "z"] and r["y"].shape == (2, 4)
        np.testing.assert_array_equal(r["y"], 2 * x)
        np.testing.assert_array_equal(r["z"], 2 * x + 1)
    # results are copies, and lists are taken
    first = model.predict({"x": x})["y"]
    again = model.predict({"x": [[0] * 4] * 2})["y"]
    assert first[1, 3] == 14 and not again.any()


def test_ports_and_facts(net):
    k = anec.load(net, "cpu", set={"width": 6}).kernel()
    assert k.inputs == {"x": ("x", "fp32", (2, 6))} and list(k.results) == ["y", "z"] and k.states == {}
    assert k.fact("backend") == "cpu" and "backend=cpu" in k.how and k.fact("nothing") is None
    assert "y" in k.plan() and json.loads(k.plan("json"))
    assert k.macs() >= 0
    assert set(k(x=np.ones((2, 6), np.float16), threads=2)) == {"y", "z"}


def test_integers_and_bools():
    model = anec.load(MIL, "ref", text=True)
    r = model.predict({"i": np.array([1, 2, 3], np.int64), "b": [True, False, True]})
    assert r["j"].dtype == np.int32 and r["j"].tolist() == [2, 4, 6]
    assert r["c"].dtype == np.bool_ and r["c"].tolist() == [False, True, False]
    assert model.functions == ["main"] and "int32" in model.describe()
    assert json.loads(model.describe("json"))


@pytest.mark.parametrize("x, error, says", [
    (np.zeros((2, 5), np.float32), anec.WrongError, "x"),
    (np.zeros((2, 4), "datetime64[s]"), TypeError, "datetime64"),
    (np.zeros((2, 4), complex), TypeError, "complex"),
    (["a", "b"], TypeError, "<U1"),
    (np.full((2, 4), 1e300), ValueError, "does not fit float32"),
    (np.full((2, 4), 2**24 + 1), ValueError, "does not fit float32"),
    ("no such file.npy", anec.WorldError, "no such file"),
    (object(), TypeError, "object"),
    (None, TypeError, "object"),
])
def test_wrong_inputs(net, x, error, says):
    model = anec.load(net, "ref")
    with pytest.raises(error, match=says):
        model.predict({"x": x})
    assert model.predict({"x": np.ones((2, 4))})["y"][0, 0] == 2  # and goes on


def test_wrong_names_and_types(net):
    model = anec.load(net, "ref")
    with pytest.raises(anec.WrongError, match="there is no input q; there is x"):
        model.predict({"q": 1})
    with pytest.raises(anec.WrongError, match="x"):
        model.predict({})
    with pytest.raises(anec.WrongError):
        model.predict({"x": np.ones((2, 4))}, function="none")
    ints = anec.load(MIL, "ref", text=True)
    with pytest.raises(TypeError, match="astype"):
        ints.predict({"i": [1.5, 2, 3], "b": [True] * 3})
    with pytest.raises(ValueError, match="does not fit int32"):
        ints.predict({"i": [2**40, 2, 3], "b": [True] * 3})


def test_wrong_models(tmp_path, net):
    with pytest.raises(anec.WorldError, match="absent.mil"):
        anec.load(tmp_path / "absent.mil")
    with pytest.raises(anec.WrongError, match="error"):
        anec.load("program(1.0) {", text=True)
    with pytest.raises(anec.UsageError, match="did you mean target"):
        anec.load(net, targt="m1")
    with pytest.raises(anec.WrongError, match="m77|backend"):
        anec.load(net, backend="m77")
    with pytest.raises(anec.UsageError):
        anec.load(net, target="m77")


def test_states():
    k = anec.load(STATE, "ref", text=True, **{"from": "anedsl"}).kernel()
    x = np.ones((1, 4), np.float16)
    assert k(x=x)["y"][0, 0] == 1 and k(x=x)["y"][0, 0] == 2
    assert k.state("s").tolist() == [[2] * 4]
    k.set_state("s", np.full((1, 4), 10))
    assert k(x=x)["y"][0, 0] == 11
    k.reset()
    assert k(x=x)["y"][0, 0] == 1
    with pytest.raises(anec.WrongError, match="there is no state q; there is s"):
        k.set_state("q", x)


def test_compile_check_save(net, tmp_path):
    out = tmp_path / "out" / "net.mil"
    os.mkdir(out.parent)
    anec.compile(net, out, target="m1")
    assert out.read_text().startswith("program(1.0)")
    assert anec.load(out, "ref").predict({"x": np.ones((2, 4))})["y"][0, 0] == 2
    package = tmp_path / "net.mlpackage"
    anec.load(net, "ref").save(package)
    assert anec.load(package, "ref").predict({"x": np.ones((2, 4))})["z"][0, 0] == 3
    assert not [m for m in anec.check(net, "m1") if m.severity == "error"]
    bad = tmp_path / "bad.anedsl"
    bad.write_text("model main(x: fp32[4]) -> y = reluu(x)\n")
    said = [m for m in anec.check(bad, "m1") if m.severity == "error"]
    assert len(said) == 1 and "did you mean relu" in said[0].text and ":1:" in str(said[0])
    assert said[0].id == "invalid" and not said[0].is_rule and said[0].line == 1
    with pytest.raises(anec.WrongError):
        anec.compile(bad, tmp_path / "bad.mil")
    assert not (tmp_path / "bad.mil").exists()


def test_check_tells_rules(tmp_path):
    mil = tmp_path / "wide.mil"
    anec.compile(_wide(tmp_path), mil, target="host")
    found = {f.id: f for f in anec.check(mil, "m1") if f.severity == "error"}
    assert found and all(f.is_rule for f in found.values())
    one = found["io-fp32"]
    assert one.function == "main" and one.file == str(mil) and one.fixed_by and not one.left
    assert str(one).endswith("[io-fp32]")
    assert anec.check(mil) == []
    with pytest.raises(anec.UsageError, match="m77"):
        anec.check(mil, "m77")
    missing = anec.check(tmp_path / "no.mil", "m1")
    assert [f.severity for f in missing] == ["failure"] and missing[0].id == "unreadable"


def _wide(folder):
    (folder / "wide.anedsl").write_text("model main(x: fp32[1, 4]) -> y = x + x\n")
    return folder / "wide.anedsl"


def test_count(tmp_path):
    count = anec.load(_wide(tmp_path), "ref").count()
    (main,) = count["functions"]
    assert main["count"] == 1 and main["operations"][0]["op"] == "add" and count["parameters"] == 0
    assert main["peak_bytes"] == 32


@pytest.mark.parametrize("backend", ["ref", "cpu"])
def test_buckets_from_run_to_run(tmp_path, backend):
    """What a larger run left in a bucket is no part of a smaller one."""
    (tmp_path / "b.anedsl").write_text("""model main(x: fp32[2, n = 3 in 1..64], i: int32[n]) -> y, z {
        weight t: [9, 4] = normal(std = 1, seed = 1)
        y = softmax(x, axis = 1)
        z = mil.gather(x = t, indices = i, axis = 0)
    }""")
    exact = anec.load(tmp_path / "b.anedsl", "ref", quiet=True).kernel()
    padded = anec.load(tmp_path / "b.anedsl", backend, quiet=True, buckets="8,16").kernel()
    rng = np.random.default_rng(1)
    for n in (7, 3, 16, 9, 1, 8):
        given = {"x": rng.standard_normal((2, n)).astype(np.float32), "i": rng.integers(0, 9, n).astype(np.int32)}
        want, got = exact(**given), padded(**given)
        assert all(np.allclose(want[name], got[name], 1e-5, 1e-6) and want[name].shape == got[name].shape for name in want)
    with pytest.raises(anec.WrongError, match="more than the largest bucket"):
        padded(x=np.zeros((2, 17), np.float32), i=np.zeros(17, np.int32))


@pytest.mark.parametrize("backend", ["ref", "cpu", "sim:m4"])
def test_buckets_of_two_dimensions(tmp_path, backend):
    """Every run is padded along both, each by as much as it lacks."""
    (tmp_path / "b.anedsl").write_text("""model main(x: fp32[b = 2 in 1..9, 4, 1, n = 3 in 1..64], k: fp32[n]) -> y, z {
        y = softmax(x + k, axis = 3)
        z = mil.reduce_sum(x * 0.25, axes = [0, 3])
    }""")
    exact = anec.load(tmp_path / "b.anedsl", "ref", quiet=True).kernel()
    padded = anec.load(tmp_path / "b.anedsl", backend, quiet=True, buckets="x.0=2,8;k.0=4,16").kernel()
    rng = np.random.default_rng(1)
    near = 0.01 if backend == "sim:m4" else 1e-5
    for b, n in ((3, 7), (1, 3), (8, 16), (2, 4), (5, 1), (1, 9), (8, 8), (3, 3)):
        given = {"x": rng.standard_normal((b, 4, 1, n)).astype(np.float32), "k": rng.standard_normal(n).astype(np.float32)}
        want, got = exact(**given), padded(**given)
        assert all(np.allclose(want[name], got[name], near, near) and want[name].shape == got[name].shape for name in want)
    with pytest.raises(anec.WrongError, match="dimension 0 of input x has 9 elements"):
        padded(x=np.zeros((9, 4, 1, 4), np.float32), k=np.zeros(4, np.float32))


def test_warnings_are_logged(tmp_path, caplog):
    (tmp_path / "w.anedsl").write_text("model main(x: fp16[4]) -> y { weight unused: [4] = 1; y = x * 1e9 }\n")
    with caplog.at_level(logging.INFO, "anec"):
        anec.load(tmp_path / "w.anedsl", "ref", target="m1")
    assert any(r.levelno == logging.WARNING for r in caplog.records)
    caplog.clear()
    with caplog.at_level(logging.INFO, "anec"), pytest.raises(anec.WrongError, match="error"):
        anec.load("program(1.0) {", text=True)
    assert not caplog.records  # the exception says it


def test_status(net):
    k = anec.load(net, "ref").kernel()
    with pytest.raises(anec.BusyError, match="no results") as e:
        k._result("result", "y")
    assert e.value.status == 6


def test_grad_and_weights(net):
    model = anec.load(net, "ref")
    g = model.grad(["x"])
    r = g.predict({"x": np.ones((2, 4)), "d_y": np.ones((2, 4)), "d_z": np.zeros((2, 4))})
    np.testing.assert_array_equal(r["d_x"], np.full((2, 4), 2))
    other = model.with_weights({"w": np.full(4, 5, np.float32)})
    assert other.predict({"x": np.ones((2, 4))})["y"][0, 0] == 5
    assert model.predict({"x": np.ones((2, 4))})["y"][0, 0] == 2
    with pytest.raises(anec.WrongError, match="nothing"):
        model.with_weights({"nothing": np.zeros(4, np.float32)})


def test_threads_have_kernels_of_their_own(net):
    model, failed = anec.load(net, "cpu"), []

    def work(n):
        k = model.kernel()
        for _ in range(50):
            if k(x=np.full((2, 4), n, np.float32))["y"][0, 0] != 2 * n:
                failed.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed


def test_freed_in_any_order(net):
    for _ in range(20):
        model = anec.load(net, "cpu")
        kernel = model.kernel()
        del model
        gc.collect()
        assert kernel(x=np.ones((2, 4)))["y"][0, 0] == 2


def test_files_as_inputs(net, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 4), np.float32))
    assert anec.load(net, "ref").predict({"x": tmp_path / "x.npy"})["y"][0, 0] == 2


def test_train(tmp_path):
    (tmp_path / "m.anedsl").write_text("""import "std"
model main(x: fp32[4, 2], t: fp32[4, 1]) -> loss {
    layer out: Linear(2, 1)
    d = out(x) - t
    loss = reduce_mean(d * d, axes = [0, 1], keep_dims = false)
}
weights init normal(std = 0.1)
""")
    x = np.random.default_rng(1).normal(size=(64, 2)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "t.npy", x.sum(1, keepdims=True))
    run = tmp_path / "run"
    anec.train(tmp_path / "m.anedsl", f"{tmp_path / 'x.npy'},{tmp_path / 't.npy'}", run, steps=20, lr=0.1, backend="cpu",
               quiet=True)
    assert (run / "log.csv").exists()
    with pytest.raises(anec.TrainError, match="error|no"):
        anec.train(tmp_path / "absent.anedsl", tmp_path / "x.npy", tmp_path / "other")
