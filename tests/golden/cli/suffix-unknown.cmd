# anerun model.onnx
# exit: 2
