"""Tests for benchmarks.accelerator: it runs with few packages, on a CPU too."""

import configparser
import json
import os
import pathlib
import re
import subprocess
import sys

from absl.testing import absltest
from absl.testing import parameterized
import jax

from benchmarks import accelerator

ROOT = pathlib.Path(__file__).resolve().parent.parent
ALLOWED = {'absl', 'chex', 'flax', 'jax', 'numpy', 'optax'}

# Imports whatever is asked for, but for some packages.
SCRIPT = """
import runpy, sys

class Block:
  def find_spec(self, name, path=None, target=None):
    if name.split('.')[0] in {blocked!r}:
      raise ImportError(f'blocked: {{name}}')

sys.meta_path.insert(0, Block())
sys.argv = ['accelerator', '--size={size}']
runpy.run_module('benchmarks.accelerator', run_name='__main__')
"""


def requirements() -> set[str]:
  """Returns the packages that the project needs but this benchmark may not."""
  config = configparser.ConfigParser()
  config.read(ROOT / 'setup.cfg')
  extras = config['options.extras_require']
  lines = config['options']['install_requires'].splitlines()
  lines += [line for extra in extras.values() for line in extra.splitlines()]
  names = {re.split(r'[\[<>=]', line)[0].strip() for line in lines}
  modules = {name.replace('-', '_').removesuffix('_py') for name in names}
  # flax imports these by itself.
  return modules - ALLOWED - {'', 'bao_jax', 'orbax_checkpoint', '# Imported'}


def run(size: str) -> subprocess.CompletedProcess:
  script = SCRIPT.format(blocked=requirements(), size=size)
  return subprocess.run(
      [sys.executable, '-c', script],
      cwd=ROOT,
      env={
          **os.environ,
          'JAX_PLATFORMS': 'cpu',
          'XLA_FLAGS': '--xla_backend_optimization_level=0',  # To compile fast.
          'JAX_COMPILATION_CACHE_DIR': jax.config.jax_compilation_cache_dir,
          'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0.2',
      },
      capture_output=True,
      text=True,
      timeout=900,
  )


class RunTest(absltest.TestCase):

  def test_blocked_are_the_projects_other_packages(self):
    self.assertContainsSubset(
        {'tokenizers', 'tensorflow_datasets', 'ml_collections', 'jinja2'},
        requirements(),
    )

  def test_debug_measures_everything_on_a_cpu(self):
    done = run('debug')
    self.assertEqual(done.returncode, 0, done.stderr[-2000:])
    results = json.loads(done.stdout.splitlines()[-1])
    self.assertEqual(results['jax'], jax.__version__)
    self.assertEqual(results['size'], 'debug')
    for name in ('sft', 'rl', 'decode', 'decode_most', 'rollout'):
      self.assertGreater(results[name]['rows'], 0)
      self.assertGreater(results[name]['tokens_per_second'], 0)
    for name in ('sft', 'rl'):
      self.assertBetween(results[name]['mfu']['of_measured_product'], 0, 1)
    self.assertBetween(results['mismatch']['mean'], 0, 0.02)

  def test_without_an_accelerator_a_line_and_no_failure(self):
    done = run('4b')
    self.assertEqual(done.returncode, 0, done.stderr[-2000:])
    self.assertEqual(
        done.stdout,
        'No accelerator is here: nothing measured. --size=debug runs on a'
        ' CPU.\n',
    )


class LargestTest(parameterized.TestCase):

  @parameterized.parameters((8, (8, 8)), (3, (2, 2)), (0, (0, None)))
  def test_halves_until_it_fits(self, room, expected):
    def build(rows):
      if rows > room:
        raise jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: of memory')
      return rows

    self.assertEqual(
        accelerator.largest(accelerator.halves(8), build), expected
    )

  def test_other_errors_are_errors(self):
    def build(rows):
      raise jax.errors.JaxRuntimeError(f'INTERNAL: {rows}')

    with self.assertRaisesRegex(jax.errors.JaxRuntimeError, 'INTERNAL: 4'):
      accelerator.largest([4], build)


if __name__ == '__main__':
  absltest.main()
