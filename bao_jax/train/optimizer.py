"""The optimizer: AdamW behind a clip of the global norm."""

import jax
import optax


def make_optimizer(
    *,
    learning_rate: float,
    warmup_steps: int = 0,
    total_steps: int | None = None,
    clip_norm: float = 1.0,
    weight_decay: float = 0.01,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> optax.GradientTransformation:
  """Returns AdamW with a linear warm-up and a constant or cosine rate.

  Args:
    learning_rate: the peak.
    warmup_steps: updates in which the rate rises from 0 to the peak.
    total_steps: updates after which a cosine has brought the rate to a tenth of
      the peak; None keeps it constant after the warm-up.
    clip_norm: the largest global norm of a gradient.
    weight_decay: decoupled, on matrices; norms have none.
    b2: of the second moment.
    eps: added to its root. A large one, near the gradients themselves, leaves
      directions alone in which there is little but noise.

  Returns:
    The transformation.
  """
  if total_steps is None:
    rate = optax.join_schedules(
        [
            optax.linear_schedule(0.0, learning_rate, warmup_steps),
            optax.constant_schedule(learning_rate),
        ],
        [warmup_steps],
    )
  else:
    rate = optax.warmup_cosine_decay_schedule(
        0.0,
        learning_rate,
        warmup_steps,
        max(total_steps, warmup_steps + 1),
        end_value=learning_rate / 10,
    )
  return optax.chain(
      optax.clip_by_global_norm(clip_norm),
      optax.adamw(
          rate, b2=b2, eps=eps, weight_decay=weight_decay, mask=_is_matrix
      ),
  )


def _is_matrix(params):
  """Marks everything but the scales of norms, which are called 'scale'."""

  def is_matrix(path, _):
    return path[-1].key != 'scale'

  return jax.tree_util.tree_map_with_path(is_matrix, params)
