#!/bin/bash
# Trains on the nodes of a Slurm job, one process per node:
#
#   sbatch --nodes=4 --gpus-per-node=8 experiments/launch/slurm.sh --workdir=...
#
# SCRIPT=train_sft for another script. Submit it from the checkout, whose .venv
# all nodes see.
#SBATCH --job-name=bao_jax
#SBATCH --ntasks-per-node=1
#SBATCH --signal=TERM@120
#SBATCH --output=%x-%j.log
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?submit it with sbatch}"

# By itself JAX would take one GPU per process.
if [ "${SLURM_GPUS_ON_NODE:-0}" -gt 0 ]; then
  JAX_LOCAL_DEVICE_IDS=$(seq -s, 0 $((SLURM_GPUS_ON_NODE - 1)))
  export JAX_LOCAL_DEVICE_IDS
fi

exec srun --kill-on-bad-exit=0 \
  .venv/bin/python "experiments/${SCRIPT:-train_rl}.py" "$@"
