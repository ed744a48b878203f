"""What the scripts of experiments/launch ask clusters to do."""

import os
import pathlib
import subprocess
import tempfile

from absl.testing import absltest

LAUNCH = pathlib.Path(__file__).parents[1] / 'experiments/launch'
# Any shell on the way could take these apart.
ARGUMENTS = ['--workdir=a b', "--config.envs.names=('turtle',)", '--x=$HOME;*']


class ScriptsTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    folder = self.enter_context(tempfile.TemporaryDirectory())
    self.root = pathlib.Path(folder)
    self.log = self.root / 'log'
    self.write(
        'bao_jax/.venv/bin/python', 'printf "%s\\n" "$@" > "$LOG.python"'
    )
    self.environment = os.environ | {
        'PATH': f'{self.root}/bin:{os.environ["PATH"]}',
        'LOG': str(self.log),
        'PROJECT': 'mine',
        'ZONE': 'there',
        'NAME': 'bao',
        'TYPE': 'v5litepod-32',
    }

  def write(self, path, script):
    path = self.root / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/bash\n{script}\n')
    path.chmod(0o755)

  def run_script(self, name, *args, **environment):
    return subprocess.run(
        [str(LAUNCH / name), *args],
        env=self.environment | environment,
        cwd=self.root,
        capture_output=True,
        text=True,
        timeout=60,
    )

  def fake_gcloud(self, state='ACTIVE'):
    """Notes its arguments, and runs what a host is to run, in its home."""
    self.write(
        'bin/gcloud',
        f"""echo "$@" >> "$LOG"
        case $* in *describe*) echo {state} ;; *scp*) ;; *run*) ;; esac
        for x in "$@"; do case $x in
          --command=*python*experiments*) cd {self.root}; bash -c "${{x#*=}}" ;;
        esac; done""",
    )

  def test_run_on_all_hosts(self):
    self.fake_gcloud()
    done = self.run_script('tpu_vm.sh', 'run', *ARGUMENTS)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertRegex(
        self.log.read_text(),
        'tpu-vm ssh bao --project=mine --zone=there --worker=all',
    )
    self.assertEqual(
        pathlib.Path(f'{self.log}.python').read_text().splitlines(),
        ['experiments/train_rl.py', *ARGUMENTS],
    )

  def test_create(self):
    if not (LAUNCH.parents[1] / '.git').exists():
      self.skipTest('What is copied is what git knows; this is no checkout.')
    self.fake_gcloud()
    done = self.run_script('tpu_vm.sh', 'create', QUEUE='--spot')
    self.assertEqual(done.returncode, 0, done.stderr)
    said = self.log.read_text()
    self.assertIn('--accelerator-type=v5litepod-32', said)
    self.assertIn('--spot', said)
    self.assertRegex(said, 'tpu-vm scp .*/bao_jax.tar.gz bao: .* --worker=all')

  def test_create_that_fails_or_waits_too_long(self):
    self.fake_gcloud('FAILED')
    done = self.run_script('tpu_vm.sh', 'create')
    self.assertEqual(
        (done.returncode, done.stderr), (1, 'error: bao is FAILED.\n')
    )
    self.fake_gcloud('WAITING_FOR_RESOURCES')
    done = self.run_script('tpu_vm.sh', 'create', DEADLINE='-1')
    self.assertEqual(done.returncode, 1)
    self.assertStartsWith(done.stderr, 'error: bao is WAITING_FOR_RESOURCES')
    self.assertNotIn('scp', self.log.read_text())

  def test_usage(self):
    done = self.run_script('tpu_vm.sh')
    self.assertEqual(done.returncode, 2)
    self.assertIn('tpu_vm.sh run --workdir=', done.stderr)

  def test_slurm_takes_all_devices_of_a_node(self):
    self.write(
        'bin/srun', 'printf "%s\\n" "$JAX_LOCAL_DEVICE_IDS" "$@" > "$LOG"'
    )
    done = self.run_script(
        'slurm.sh',
        *ARGUMENTS,
        SLURM_SUBMIT_DIR=str(self.root),
        SLURM_GPUS_ON_NODE='4',
        SCRIPT='train_sft',
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    devices, _, _, *command = self.log.read_text().splitlines()
    self.assertEqual(devices, '0,1,2,3')
    self.assertEqual(command, ['experiments/train_sft.py', *ARGUMENTS])


if __name__ == '__main__':
  absltest.main()
