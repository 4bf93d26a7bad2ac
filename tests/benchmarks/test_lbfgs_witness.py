"""The witness of the heads on a small set: what the script compares agrees, and a fault in the penalty is seen."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_multilabel_classification

from torchheads.data import Mulan

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmarks" / "lbfgs_witness.py"


@pytest.fixture(scope="module")
def witness():
    specification = importlib.util.spec_from_file_location("lbfgs_witness", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def data(tmp_path, witness):
    features, target = make_multilabel_classification(260, n_features=30, n_classes=4, random_state=0)
    labels = [f"label{i}" for i in range(4)]
    (tmp_path / "made.xml").write_text("<labels>" + "".join(f"<label name='{name}'/>" for name in labels) + "</labels>")
    head = [f"@attribute {name} {{0,1}}" for name in labels] + [f"@attribute n{i} real" for i in range(30)]
    for part, rows in (("train", slice(160)), ("test", slice(160, None))):
        body = [",".join(map(str, row)) for row in np.hstack([target[rows], features[rows].astype(int)])]
        (tmp_path / f"made-{part}.arff").write_text("\n".join([*head, "@data", *body]))
    return Mulan(str(tmp_path), "made", val_share=0.01, calibration_share=0.01, batch_size=witness.ALL_ROWS)


@pytest.mark.parametrize(("precision", "allowed"), [("64-true", 1e-6), ("32-true", 5e-4)])
def test_sigmoid_is_one_vs_rest(witness, data, precision, allowed):
    ours = witness.trained(data, witness.SigmoidHead, 1.0, precision)["mean_average_precision"]
    assert ours == pytest.approx(witness.one_vs_rest(data, 1.0), abs=allowed)
    assert abs(ours - witness.one_vs_rest(data, 0.01)) > 10 * allowed  # another penalty would be seen


def test_softmax_is_multinomial(witness):
    digits = witness.Digits(batch_size=witness.ALL_ROWS)
    ours = witness.trained(digits, witness.SoftmaxHead, 0.01, "32-true")["accuracy"]
    assert ours == pytest.approx(witness.multinomial(digits, 0.01), abs=0.002)
    assert abs(ours - witness.multinomial(digits, 1.0)) > 0.01
