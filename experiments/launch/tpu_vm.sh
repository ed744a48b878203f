#!/bin/bash
# Runs on a TPU VM, or on all hosts of a pod slice:
#
#   tpu_vm.sh create              asks for one and installs this checkout there
#   tpu_vm.sh mount               mounts $MOUNT (host:/path, NFS) at /mnt/shared
#   tpu_vm.sh run --workdir=...   trains; SCRIPT=train_sft for another script
#   tpu_vm.sh delete              gives it back
#
# PROJECT, ZONE, NAME and TYPE (v5litepod-8) say which. RUNTIME is the version of
# its software, QUEUE what else `gcloud ... queued-resources create` is to be
# told (--spot), DEADLINE the seconds to wait for it.
set -euo pipefail
cd "$(dirname "$0")/../.."

: "${PROJECT:?}" "${ZONE:?}" "${NAME:?}" "${TYPE:?}"
RUNTIME=${RUNTIME:-v2-alpha-tpuv5-lite}
DEADLINE=${DEADLINE:-3600}
where=("--project=$PROJECT" "--zone=$ZONE")

on_all_hosts() {
  gcloud compute tpus tpu-vm ssh "$NAME" "${where[@]}" --worker=all \
    --command="$1"
}

create() {
  # shellcheck disable=SC2086  # Several flags, or none.
  gcloud compute tpus queued-resources create "$NAME" "${where[@]}" \
    --node-id="$NAME" --accelerator-type="$TYPE" \
    --runtime-version="$RUNTIME" ${QUEUE:-}
  until_active
  copy=$(mktemp -d)
  trap 'rm -rf "$copy"' EXIT
  git archive --format=tar.gz --output="$copy/bao_jax.tar.gz" HEAD
  gcloud compute tpus tpu-vm scp "$copy/bao_jax.tar.gz" "$NAME:" \
    "${where[@]}" --worker=all
  on_all_hosts 'set -e
    sudo apt-get -qq update && sudo apt-get -qq install -y python3.11-venv
    mkdir -p bao_jax && tar -xzf bao_jax.tar.gz -C bao_jax && cd bao_jax
    python3.11 -m venv .venv
    .venv/bin/pip install --quiet -c constraints.txt -e ".[tpu,llm]"'
}

until_active() {
  local state end=$((SECONDS + DEADLINE))
  while true; do
    state=$(gcloud compute tpus queued-resources describe "$NAME" \
      "${where[@]}" --format='value(state.state)')
    case $state in
      ACTIVE) return ;;
      FAILED | SUSPENDED) echo "error: $NAME is $state." >&2; exit 1 ;;
    esac
    if ((SECONDS > end)); then
      echo "error: $NAME is $state after $DEADLINE s; create waits no" \
        'longer, delete takes the request back.' >&2
      exit 1
    fi
    sleep 20
  done
}

case ${1:-} in
  create) create ;;
  mount)
    on_all_hosts "sudo apt-get -qq install -y nfs-common &&
      sudo mkdir -p /mnt/shared && sudo mount ${MOUNT:?} /mnt/shared"
    ;;
  run)
    shift
    # Quoted once more, since the hosts' shells read them too.
    on_all_hosts "cd bao_jax && if [ -f .env ]; then . ./.env; fi &&
      .venv/bin/python experiments/${SCRIPT:-train_rl}.py $(printf '%q ' "$@")"
    ;;
  delete)
    gcloud compute tpus queued-resources delete "$NAME" "${where[@]}" \
      --force --quiet
    ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
