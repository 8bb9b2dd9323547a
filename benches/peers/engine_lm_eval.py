"""lm-evaluation-harness as its users run it: the hf backend, batch 8, one loglikelihood request per option.

Requests enter as token ids, so its tokenising is left out, in its favour. It groups the options of a
prompt into one forward, projects every position to the vocabulary and takes the log-softmax in the model's
dtype, so that its bf16 log-probs are themselves rounded to bf16.
"""

import logging

import lm_eval
import torch
from lm_eval.models.huggingface import HFLM

BATCH = 8
DTYPES = {"bf16": "bfloat16", "f32": "float32"}


class Flat:
    warm_up_count = BATCH
    versions = {"lm-eval": lm_eval.__version__, "torch": torch.__version__}

    def __init__(self, job):
        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        torch.set_num_threads(job["threads"])
        dtype = DTYPES[job["precision"]]
        self.model = HFLM(pretrained=job["model"], dtype=dtype, device="cpu", batch_size=BATCH)

    def notes(self):
        return {"batch": BATCH}

    def run(self, prompts):
        requests = [
            ((str(index), str(wanted)), prompt.input_ids, [wanted])
            for index, prompt in enumerate(prompts)
            for wanted in prompt.wanted
        ]
        answers = iter(self.model._loglikelihood_tokens(requests, disable_tqdm=True))
        return [[next(answers)[0] for _ in prompt.wanted] for prompt in prompts]
