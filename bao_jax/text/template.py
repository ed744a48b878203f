"""The chat format of `chat`, as a template for engines that serve a model.

A model whose tokenizer was trained here has no template of its own. This one
takes messages of OpenAI's API and keeps every thought, as training does.
"""

from bao_jax.text import chat

_TOOLS_HEAD, _TOOLS_TAIL = chat.tool_section(schemas=()).split('<tools>\n\n')

TEMPLATE = (
    '{%- set head = '
    + repr(_TOOLS_HEAD + '<tools>')
    + ' -%}{%- set tail = '
    + repr('\n' + _TOOLS_TAIL)
    + ' -%}'
    + """
{%- macro system(text) -%}
  {{- '<|im_start|>system\\n' + text -}}
  {%- if tools -%}
    {{- head -}}
    {%- for tool in tools -%}{{- '\\n' + (tool | tojson) -}}{%- endfor -%}
    {{- tail -}}
  {%- endif -%}
  {{- '<|im_end|>\\n' -}}
{%- endmacro -%}
{%- if tools and messages[0].role != 'system' -%}{{- system('') -}}{%- endif -%}
{%- for message in messages -%}
  {%- set text = message.content or '' -%}
  {%- if message.role == 'system' and loop.first -%}
    {{- system(text) -}}
  {%- elif message.role == 'tool' -%}
    {%- if loop.first or loop.previtem.role != 'tool' -%}
      {{- '<|im_start|>user' -}}
    {%- endif -%}
    {{- '\\n<tool_response>\\n' + text + '\\n</tool_response>' -}}
    {%- if loop.last or loop.nextitem.role != 'tool' -%}
      {{- '<|im_end|>\\n' -}}
    {%- endif -%}
  {%- else -%}
    {{- '<|im_start|>' + message.role + '\\n' -}}
    {%- if message.role == 'assistant' and '</think>' not in text -%}
      {%- set thought = message.reasoning_content or '' -%}
      {{- '<think>\\n' + thought + '\\n</think>\\n\\n' -}}
    {%- endif -%}
    {{- text -}}
    {%- for call in message.tool_calls or [] -%}
      {%- set given = call.function.arguments -%}
      {%- set given = given if given is string else given | tojson -%}
      {{- '\\n' if text or not loop.first else '' -}}
      {{- '<tool_call>\\n{"name": "' + call.function.name -}}
      {{- '", "arguments": ' + given + '}\\n</tool_call>' -}}
    {%- endfor -%}
    {{- '<|im_end|>\\n' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""
)
