"""A folder of transformers as int8 ONNX, where infinity's `optimum` engine looks for it.

Usage: MODEL=FOLDER python benchmarks/serving/peers/infinity/export.py TARGET
"""

import os
import shutil
import sys
from pathlib import Path

from optimum.onnxruntime import ORTModelForSequenceClassification, ORTQuantizer
from optimum.onnxruntime.configuration import AutoQuantizationConfig

source, target = os.environ["MODEL"], Path(sys.argv[1])
shutil.copytree(source, target)
ORTModelForSequenceClassification.from_pretrained(source, export=True).save_pretrained(target)
has_vnni = "avx512_vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
scheme = AutoQuantizationConfig.avx512_vnni if has_vnni else AutoQuantizationConfig.avx2
ORTQuantizer.from_pretrained(target).quantize(
    save_dir=target, quantization_config=scheme(is_static=False, per_channel=False)
)
(target / "model.onnx").unlink()
