"""Chat templates as the families of 2025 and 2026 have them: what a prompt of each looks like.

The templates are written here, after the formats that their makers describe: short ones that make
the same text, and that insist on what those of the family insist on. {I} stands for instructions,
{U} for what a user says first, {Q} for a later question, {A} for an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

THINK = ("<think>", "</think>")
CLOSED = "<think>\n\n</think>\n\n"


@dataclass(frozen=True)
class Family:
    """A template, and what comes of it.

    `asked` is the prompt for one question, `on` and `off` the same where models.toml switches
    thinking; None if that changes nothing. `told` is what follows the first question when another
    comes after its answer, up to that: an empty thought in it is one that the prompt had too.
    `tags` are those of a thought, and `switch` is what switches it. `bos` and `eos` are the special
    tokens that the template may write.
    """

    name: str
    template: str
    asked: str
    told: str
    tags: tuple[str, str] | None = None
    switch: str = ""
    on: str | None = None
    off: str | None = None
    bos: str = "<s>"
    eos: str = "</s>"


CHATML = (
    "<|im_start|>system\n{I}<|im_end|>\n<|im_start|>user\n{U}<|im_end|>\n<|im_start|>assistant\n"
)
CHATML_TOLD = "<|im_end|>\n<|im_start|>assistant\n{A}<|im_end|>\n<|im_start|>user\n{Q}"
CHATML_TURNS = """
{%- for m in messages %}
    {{- '<|im_start|>' ~ m.role ~ '\\n' ~ m.content ~ '<|im_end|>\\n' }}
{%- endfor %}
"""
# What was thought is told as long as no question follows.
THINKING_TURNS = """
{%- set last = namespace(question=-1) %}
{%- for m in messages if m.role == 'user' %}{% set last.question = messages.index(m) %}{% endfor %}
{%- for m in messages %}
    {{- '<|im_start|>' ~ m.role ~ '\\n' }}
    {%- if m.reasoning_content is string and loop.index0 > last.question %}
        {{- '<think>\\n' ~ m.reasoning_content | trim('\\n') ~ '\\n</think>\\n\\n' }}
    {%- endif %}
    {{- m.content ~ '<|im_end|>\\n' }}
{%- endfor %}
"""
ASKS = "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
THINKS = "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}"
LLAMA_3 = (
    "<s><|start_header_id|>system<|end_header_id|>\n\n"
    "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n{I}<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n{U}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"
)
HY = "<｜hy_{}｜>".format
DEEPSEEK_END = "<｜end▁of▁sentence｜>"
SEED_NONE = (
    "<seed:think>\n<seed:cot_budget_reflect>The budget is 0.</seed:cot_budget_reflect>\n"
    "</seed:think>"
)
HARMONY = (
    "<|start|>system<|message|>You are ChatGPT.\n\nReasoning: medium\n\n"
    "# Valid channels: analysis, commentary, final.<|end|>"
    "<|start|>developer<|message|># Instructions\n\n{I}\n\n<|end|>"
    "<|start|>user<|message|>{U}<|end|><|start|>assistant"
)
COHERE = (
    "<s><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>{I}<|END_OF_TURN_TOKEN|>"
    "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>{U}<|END_OF_TURN_TOKEN|>"
    "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>"
)
GEMMA_4 = "<s><|turn>system\n{I}<turn|>\n<|turn>user\n{U}<turn|>\n<|turn>model\n"
APERTUS = (
    "<s><|system_start|>{I}<|system_end|>"
    "<|developer_start|>Deliberation: disabled\nTool Capabilities: disabled<|developer_end|>"
    "<|user_start|>{U}<|user_end|><|assistant_start|>"
)
GLM = "[gMASK]<sop><|system|>\n{I}<|user|>\n{U}<|assistant|>"
MISTRAL = "<s>[SYSTEM_PROMPT]{I}[/SYSTEM_PROMPT][INST]{U}[/INST]"
MISTRAL_TOLD = "[/INST]{A}</s>[INST]{Q}"
MISTRAL_TURNS = """
{{- bos_token }}
{%- macro say(content, thinks) %}
    {%- if content is string %}{{- content }}
    {%- else %}
        {%- for part in content %}
            {%- if part.type == 'text' %}{{- part.text }}
            {%- elif part.type == 'thinking' and thinks %}
                {{- '[THINK]' ~ part.thinking ~ '[/THINK]' }}
            {%- else %}{{- raise_exception('Only text chunks are supported.') }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
{%- set ns = namespace(asks=true) %}
{%- for m in messages %}
    {%- if m.role == 'system' and loop.first %}
        {{- '[SYSTEM_PROMPT]' ~ say(m.content, false) ~ '[/SYSTEM_PROMPT]' }}
        SETTINGS
    {%- elif (m.role == 'user') != ns.asks %}
        {{- raise_exception('Roles must alternate user and assistant.') }}
    {%- elif m.role == 'user' %}
        {{- '[INST]' ~ say(m.content, false) ~ '[/INST]' }}
    {%- else %}
        {{- say(m.content, true) ~ eos_token }}
    {%- endif %}
    {%- if m.role != 'system' %}{%- set ns.asks = not ns.asks %}{%- endif %}
{%- endfor %}
"""
EFFORT = """
{%- set reasoning_effort = reasoning_effort if reasoning_effort is defined else 'none' %}
{%- if reasoning_effort not in ['none', 'high'] %}
    {{- raise_exception('reasoning_effort must be either "none" or "high"') }}
{%- endif %}
{{- '[MODEL_SETTINGS]{"reasoning_effort": "' ~ reasoning_effort ~ '"}[/MODEL_SETTINGS]' }}
"""


def settings(effort: str) -> str:
    """Return the prompt of a Mistral model that is told how much to think."""
    told = f'[MODEL_SETTINGS]{{"reasoning_effort": "{effort}"}}[/MODEL_SETTINGS]'
    return MISTRAL.replace("[INST]", f"{told}[INST]")


FAMILIES = [
    Family(
        "Llama 3.1 and 3.3",
        """
{{- bos_token }}
{%- if custom_tools is defined %}{% set tools = custom_tools %}{% endif %}
{%- if not date_string is defined %}{% set date_string = '26 Jul 2024' %}{% endif %}
{%- if not tools is defined %}{% set tools = none %}{% endif %}
{%- if messages[0].role == 'system' %}
    {%- set system, messages = messages[0].content | trim, messages[1:] %}
{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}
{%- if builtin_tools is defined or tools is not none %}{{- 'Environment: ipython\\n' }}{%- endif %}
{{- 'Cutting Knowledge Date: December 2023\\nToday Date: ' ~ date_string ~ '\\n\\n' }}
{%- if tools is not none %}{{- tools | map('tojson', indent=4) | join }}{%- endif %}
{{- system ~ '<|eot_id|>' }}
{%- for m in messages %}
    {{- '<|start_header_id|>' ~ m.role ~ '<|end_header_id|>\\n\\n' }}
    {{- m.content | trim ~ '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
        LLAMA_3,
        "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{A}<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\n{Q}",
    ),
    Family(
        "Llama 4",
        """
{{- bos_token }}
{%- for m in messages %}
    {{- '<|header_start|>' ~ m.role ~ '<|header_end|>\\n\\n' }}
    {%- if m.content is string %}{{- m.content }}
    {%- else %}
        {%- for part in m.content %}
            {{- '<|image|>' if part.type == 'image' else part.text | trim }}
        {%- endfor %}
    {%- endif %}
    {{- '<|eot|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|header_start|>assistant<|header_end|>\\n\\n' }}{%- endif %}
""",
        "<s><|header_start|>system<|header_end|>\n\n{I}<|eot|>"
        "<|header_start|>user<|header_end|>\n\n{U}<|eot|>"
        "<|header_start|>assistant<|header_end|>\n\n",
        "<|eot|><|header_start|>assistant<|header_end|>\n\n{A}<|eot|>"
        "<|header_start|>user<|header_end|>\n\n{Q}",
    ),
    Family("Qwen2.5, Falcon-H1", CHATML_TURNS + ASKS, CHATML, CHATML_TOLD),
    Family(
        "Qwen3",
        THINKING_TURNS
        + ASKS
        + "{% if enable_thinking is defined and enable_thinking is false %}"
        + "{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}",
        CHATML,
        CHATML_TOLD,
        THINK,
        "enable_thinking",
        off=CHATML + CLOSED,
    ),
    Family(
        "Qwen3-2507 and Qwen3-Next, thinking; StepFun 3.5",
        THINKING_TURNS + THINKS,
        CHATML + "<think>\n",
        CHATML_TOLD,
        THINK,
    ),
    Family(
        "Qwen3.5",
        """
{%- macro say(content) %}
    {%- if content is string %}{{- content }}
    {%- elif content is iterable and content is not mapping %}
        {%- for part in content if 'text' in part %}{{- part.text }}{%- endfor %}
    {%- else %}{{- raise_exception('Unexpected content type.') }}
    {%- endif %}
{%- endmacro %}
{%- if tools and tools is iterable %}{{- raise_exception('There are no tools.') }}{%- endif %}
{%- for m in messages %}
    {{- '<|im_start|>' ~ m.role ~ '\\n' }}
    {%- if m.role == 'assistant' and loop.last %}
        {{- '<think>\\n' ~ m.reasoning_content | trim ~ '\\n</think>\\n\\n' }}
    {%- endif %}
    {{- say(m.content) | trim ~ '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- else %}
        {{- '<think>\\n' }}
    {%- endif %}
{%- endif %}
""",
        CHATML + "<think>\n",
        CHATML_TOLD,
        THINK,
        "enable_thinking",
        off=CHATML + CLOSED,
    ),
    Family(
        "Gemma 3",
        """
{{- bos_token }}
{%- if messages[0].role == 'system' %}
    {%- set system = messages[0].content %}
    {%- set prefix = (system if system is string else system[0].text) ~ '\\n\\n' %}
    {%- set messages = messages[1:] %}
{%- endif %}
{%- for m in messages %}
    {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate.') }}
    {%- endif %}
    {{- '<start_of_turn>' ~ ('model' if m.role == 'assistant' else m.role) ~ '\\n' }}
    {{- prefix if loop.first }}
    {%- if m.content is string %}{{- m.content | trim }}
    {%- else %}
        {%- for part in m.content if part.type == 'text' %}{{- part.text | trim }}{%- endfor %}
    {%- endif %}
    {{- '<end_of_turn>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<start_of_turn>model\\n' }}{%- endif %}
""",
        "<s><start_of_turn>user\n{I}\n\n{U}<end_of_turn>\n<start_of_turn>model\n",
        "<end_of_turn>\n<start_of_turn>model\n{A}<end_of_turn>\n<start_of_turn>user\n{Q}",
    ),
    Family(
        "Gemma 4",
        """
{{- bos_token }}
{%- set thinks = enable_thinking | default(false) %}
{%- for m in messages %}
    {{- '<|turn>' ~ (m.role if m.role != 'assistant' else 'model') ~ '\\n' }}
    {%- if m.role == 'system' and thinks %}{{- '<|think|>\\n' }}{%- endif %}
    {%- if m.reasoning_content and loop.last %}
        {{- '<|channel>thought\\n' ~ m.reasoning_content ~ '\\n<channel|>' }}
    {%- endif %}
    {{- m.content | trim ~ '<turn|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|turn>model\\n' }}
    {%- if not thinks %}{{- '<|channel>thought\\n<channel|>' }}{%- endif %}
{%- endif %}
""",
        GEMMA_4 + "<|channel>thought\n<channel|>",
        "<turn|>\n<|turn>model\n<|channel>thought\n<channel|>{A}<turn|>\n<|turn>user\n{Q}",
        ("<|channel>thought", "<channel|>"),
        "enable_thinking",
        on=GEMMA_4.replace("{I}", "<|think|>\n{I}"),
    ),
    Family("Mistral Small 3.2", MISTRAL_TURNS.replace("SETTINGS", ""), MISTRAL, MISTRAL_TOLD),
    Family(
        "Ministral 3 and Magistral, which think in parts of a message",
        MISTRAL_TURNS.replace("SETTINGS", ""),
        MISTRAL,
        MISTRAL_TOLD,
        ("[THINK]", "[/THINK]"),
    ),
    Family(
        "Mistral Small 4 and Medium 3.5",
        MISTRAL_TURNS.replace("SETTINGS", EFFORT),
        settings("none"),
        MISTRAL_TOLD,
        ("[THINK]", "[/THINK]"),
        "reasoning_effort",
        on=settings("high"),
    ),
    Family(
        "Phi-4",
        """
{%- for m in messages %}
    {{- '<|im_start|>' ~ m.role ~ '<|im_sep|>' ~ m.content ~ '<|im_end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant<|im_sep|>' }}{%- endif %}
""",
        "<|im_start|>system<|im_sep|>{I}<|im_end|><|im_start|>user<|im_sep|>{U}<|im_end|>"
        "<|im_start|>assistant<|im_sep|>",
        "<|im_end|><|im_start|>assistant<|im_sep|>{A}<|im_end|><|im_start|>user<|im_sep|>{Q}",
    ),
    Family(
        "Phi-4-mini, which asks whether tools are defined",
        """
{%- for m in messages %}
    {{- '<|' ~ m.role ~ '|>' ~ m.content }}
    {%- if m.role == 'system' and tools is defined %}
        {%- for tool in tools %}{{- '<|tool|>' ~ tool | tojson ~ '<|/tool|>' }}{%- endfor %}
    {%- endif %}
    {{- '<|end|>' }}
{%- endfor %}
{{- '<|assistant|>' if add_generation_prompt else eos_token }}
""",
        "<|system|>{I}<|end|><|user|>{U}<|end|><|assistant|>",
        "<|end|><|assistant|>{A}<|end|><|user|>{Q}",
    ),
    Family(
        "SmolLM3",
        """
{%- set mode = '/think' if enable_thinking is not defined or enable_thinking else '/no_think' %}
{{- '<|im_start|>system\\n## Metadata\\n\\n' }}
{%- if strftime_now is defined %}
    {{- 'Today Date: ' ~ strftime_now('%d %B %Y') ~ '\\n' }}
{%- endif %}
{{- 'Reasoning Mode: ' ~ mode ~ '\\n\\n## Custom Instructions\\n\\n' }}
{{- messages[0].content.replace('/no_think', '').rstrip() ~ '\\n\\n' }}
{%- if xml_tools or python_tools %}{{- raise_exception('There are no tools.') }}{%- endif %}
{{- '<|im_end|>\\n' }}
{%- for m in messages[1:] %}
    {%- if m.role == 'user' %}{{- '<|im_start|>user\\n' ~ m.content ~ '<|im_end|>\\n' }}
    {%- else %}
        {%- generation %}
            {{- '<|im_start|>assistant\\n' ~ m.content ~ '<|im_end|>\\n' }}
        {%- endgeneration %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' ~ ('<think>\\n\\n</think>\\n' if mode == '/no_think' else '') }}
{%- endif %}
""",
        (
            smollm := CHATML.replace(
                "{I}",
                "## Metadata\n\nReasoning Mode: /think\n\n## Custom Instructions\n\n{I}\n\n",
            )
        ),
        CHATML_TOLD,
        THINK,
        "enable_thinking",
        off=smollm.replace("/think", "/no_think") + "<think>\n\n</think>\n",
    ),
    Family(
        "Granite 3.3 and 4",
        """
{%- set available = available_tools if available_tools is defined else tools %}
{%- if available %}{{- raise_exception('There are no tools.') }}{%- endif %}
{%- if documents is not none %}{{- raise_exception('There are no documents.') }}{%- endif %}
{%- for m in messages %}
    {{- '<|start_of_role|>' ~ m.role ~ '<|end_of_role|>' ~ m.content ~ '<|end_of_text|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_of_role|>assistant' }}
    {%- if controls %}{{- ' ' ~ controls | tojson }}{%- endif %}
    {{- '<|end_of_role|>' }}
{%- endif %}
""",
        "<|start_of_role|>system<|end_of_role|>{I}<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>{U}<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>",
        "<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>{A}<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>{Q}",
    ),
    Family(
        "Nemotron 3",
        """
{%- set thinks = enable_thinking if enable_thinking is defined else true %}
{%- set forgets = truncate_history_thinking | default(true) %}
{%- for m in messages %}
    {{- '<|im_start|>' ~ m.role ~ '\\n' }}
    {%- if m.reasoning_content is string and not (forgets and not loop.last) %}
        {{- '<think>\\n' ~ m.reasoning_content ~ '\\n</think>\\n' }}
    {%- elif m.role == 'assistant' %}{{- '<think></think>' }}
    {%- endif %}
    {{- m.content ~ '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' ~ ('<think>\\n' if thinks else '<think></think>') }}
{%- endif %}
""",
        CHATML + "<think>\n",
        CHATML_TOLD.replace("{A}", "<think></think>{A}"),
        THINK,
        "enable_thinking",
        off=CHATML + "<think></think>",
    ),
    Family(
        "Nemotron Nano 2, which obeys a word of the instructions",
        """
{%- set ns = namespace(thinks=true) %}
{%- for m in messages %}
    {%- if '/no_think' in m.content %}{%- set ns.thinks = false %}
    {%- elif '/think' in m.content %}{%- set ns.thinks = true %}{%- endif %}
    {%- set content = m.content.replace('/no_think', '').replace('/think', '').strip() %}
    {%- if m.role == 'system' %}{{- '<SPECIAL_10>System\\n' ~ content ~ '\\n\\n' }}
    {%- elif m.role == 'user' %}{{- '<SPECIAL_11>User\\n' ~ content ~ '\\n' }}
    {%- else %}{{- '<SPECIAL_11>Assistant\\n' ~ content ~ '\\n<SPECIAL_12>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<SPECIAL_11>Assistant\\n' ~ ('<think>\\n' if ns.thinks else '<think></think>') }}
{%- endif %}
""",
        (nemotron := "<SPECIAL_10>System\n{I}\n\n<SPECIAL_11>User\n{U}\n<SPECIAL_11>Assistant\n")
        + "<think>\n",
        "\n<SPECIAL_11>Assistant\n{A}\n<SPECIAL_12>\n<SPECIAL_11>User\n{Q}",
        THINK,
        "/no_think",
        off=nemotron + "<think></think>",
    ),
    Family(
        "LFM2.5",
        """
{{- bos_token }}
{%- set keep_past_thinking = keep_past_thinking | default(false) %}
{%- for m in messages %}
    {{- '<|im_start|>' ~ m.role ~ '\\n' }}
    {%- if m.role == 'assistant' %}
        {%- generation %}
            {%- if m.thinking is defined and (keep_past_thinking or loop.last) %}
                {{- '<think>' ~ m.thinking ~ '</think>' }}
            {%- endif %}
            {{- m.content ~ '<|im_end|>\\n' }}
        {%- endgeneration %}
        {%- continue %}
    {%- endif %}
    {{- m.content ~ '<|im_end|>\\n' }}
{%- endfor %}
"""
        + ASKS,
        "<s>" + CHATML,
        CHATML_TOLD,
        THINK,
    ),
    Family(
        "gpt-oss, which thinks in a channel",
        """
{%- if reasoning_effort is not defined %}{%- set reasoning_effort = 'medium' %}{%- endif %}
{{- '<|start|>system<|message|>You are ChatGPT.\\n\\nReasoning: ' ~ reasoning_effort }}
{{- '\\n\\n# Valid channels: analysis, commentary, final.<|end|>' }}
{%- for m in messages %}
    {%- if m.role == 'system' %}
        {{- '<|start|>developer<|message|># Instructions\\n\\n' ~ m.content ~ '\\n\\n<|end|>' }}
    {%- elif m.role == 'user' %}{{- '<|start|>user<|message|>' ~ m.content ~ '<|end|>' }}
    {%- else %}
        {%- if m.thinking is defined and loop.last %}
            {{- '<|start|>assistant<|channel|>analysis<|message|>' ~ m.thinking ~ '<|end|>' }}
        {%- endif %}
        {{- '<|start|>assistant<|channel|>final<|message|>' ~ m.content }}
        {{- '<|return|>' if loop.last and not add_generation_prompt else '<|end|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start|>assistant' }}{%- endif %}
""",
        HARMONY,
        "<|end|><|start|>assistant<|channel|>final<|message|>{A}<|end|><|start|>user<|message|>{Q}",
        (
            "<|channel|>analysis<|message|>",
            "<|end|><|start|>assistant<|channel|>final<|message|>",
        ),
        "reasoning_effort",
        off=HARMONY.replace("medium", "low"),
    ),
    Family(
        "DeepSeek R1",
        """
{{- bos_token }}
{%- for m in messages %}
    {%- if m.role == 'system' %}{{- m.content }}
    {%- elif m.role == 'user' %}{{- '<｜User｜>' ~ m.content }}
    {%- else %}
        {{- '<｜Assistant｜>' ~ m.content.split('</think>')[-1] ~ '<｜end▁of▁sentence｜>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<｜Assistant｜><think>\\n' }}{%- endif %}
""",
        "<s>{I}<｜User｜>{U}<｜Assistant｜><think>\n",
        f"<｜Assistant｜>{{A}}{DEEPSEEK_END}<｜User｜>{{Q}}",
        THINK,
    ),
    Family(
        "DeepSeek V3.1 and V3.2",
        """
{{- bos_token }}
{%- if thinking is not defined %}{%- set thinking = false %}{%- endif %}
{%- for m in messages %}
    {%- if m.role == 'system' %}{{- m.content }}
    {%- elif m.role == 'user' %}{{- '<｜User｜>' ~ m.content }}
    {%- else %}
        {%- set content = m.content.split('</think>', 1)[-1] %}
        {{- '<｜Assistant｜></think>' ~ content ~ '<｜end▁of▁sentence｜>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<｜Assistant｜>' ~ ('<think>' if thinking else '</think>') }}
{%- endif %}
""",
        "<s>{I}<｜User｜>{U}<｜Assistant｜></think>",
        f"<｜Assistant｜></think>{{A}}{DEEPSEEK_END}<｜User｜>{{Q}}",
        THINK,
        "thinking",
        on="<s>{I}<｜User｜>{U}<｜Assistant｜><think>",
    ),
    Family(
        "GLM-4.5 and 4.6",
        """
{{- '[gMASK]<sop>' }}
{%- for m in messages %}
    {%- if m.role == 'assistant' %}
        {{- '<|assistant|>\\n<think>' ~ (m.reasoning_content if loop.last) ~ '</think>\\n' }}
        {{- m.content }}
    {%- else %}
        {{- '<|' ~ m.role ~ '|>\\n' ~ m.content }}
        {%- if m.role == 'user' and enable_thinking is defined and not enable_thinking %}
            {{- '/nothink' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
    {%- if enable_thinking is defined and not enable_thinking %}
        {{- '\\n<think></think>' }}
    {%- endif %}
{%- endif %}
""",
        GLM,
        "<|assistant|>\n<think></think>\n{A}<|user|>\n{Q}",
        THINK,
        "enable_thinking",
        off=GLM.replace("{U}", "{U}/nothink") + "\n<think></think>",
    ),
    Family(
        "GLM-4.7 and 5",
        """
{{- '[gMASK]<sop>' }}
{%- for m in messages %}
    {%- if m.role != 'assistant' %}{{- '<|' ~ m.role ~ '|>' ~ m.content }}
    {%- elif m.reasoning_content is string and loop.last %}
        {{- '<|assistant|><think>' ~ m.reasoning_content ~ '</think>' ~ m.content }}
    {%- else %}{{- '<|assistant|></think>' ~ m.content }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {%- set off = enable_thinking is defined and not enable_thinking %}
    {{- '<|assistant|>' ~ ('</think>' if off else '<think>') }}
{%- endif %}
""",
        "[gMASK]<sop><|system|>{I}<|user|>{U}<|assistant|><think>",
        "<|assistant|></think>{A}<|user|>{Q}",
        THINK,
        "enable_thinking",
        off="[gMASK]<sop><|system|>{I}<|user|>{U}<|assistant|></think>",
    ),
    Family(
        "Kimi K2, thinking",
        """
{%- for m in messages %}
    {{- '<|im_' ~ m.role ~ '|>' ~ m.role ~ '<|im_middle|>' }}
    {%- if m.role == 'assistant' %}{{- '<think></think>' }}{%- endif %}
    {{- m.content ~ '<|im_end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_assistant|>assistant<|im_middle|>' }}{%- endif %}
""",
        "<|im_system|>system<|im_middle|>{I}<|im_end|><|im_user|>user<|im_middle|>{U}<|im_end|>"
        "<|im_assistant|>assistant<|im_middle|>",
        "<|im_end|><|im_assistant|>assistant<|im_middle|><think></think>{A}<|im_end|>"
        "<|im_user|>user<|im_middle|>{Q}",
        THINK,
    ),
    Family(
        "Seed-OSS, which is given a budget",
        """
{%- set bos, eos = '<seed:bos>', '<seed:eos>' %}
{%- if not thinking_budget is defined %}{%- set thinking_budget = -1 %}{%- endif %}
{%- for m in messages %}
    {{- bos ~ m.role ~ '\\n' }}
    {%- if m.reasoning_content is string %}
        {{- '<seed:think>' ~ m.reasoning_content ~ '</seed:think>' }}
    {%- endif %}
    {{- m.content ~ eos }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- bos ~ 'assistant\\n' }}
    {%- if thinking_budget == 0 %}
        {{- '<seed:think>\\n<seed:cot_budget_reflect>The budget is 0.' }}
        {{- '</seed:cot_budget_reflect>\\n</seed:think>' }}
    {%- endif %}
{%- endif %}
""",
        (
            seed := "<seed:bos>system\n{I}<seed:eos><seed:bos>user\n{U}<seed:eos>"
            "<seed:bos>assistant\n"
        ),
        "<seed:eos><seed:bos>assistant\n{A}<seed:eos><seed:bos>user\n{Q}",
        ("<seed:think>", "</seed:think>"),
        "thinking_budget",
        off=seed + SEED_NONE,
    ),
    Family(
        "Hunyuan",
        """
{{- bos_token }}
{%- for m in messages %}
    {%- if m.role == 'system' %}{{- m.content ~ '<｜hy_place▁holder▁no▁3｜>' }}
    {%- elif m.role == 'user' %}{{- '<｜hy_User｜>' ~ m.content ~ '<｜hy_Assistant｜>' }}
    {%- else %}{{- m.content.split('</answer>')[0] ~ '<｜hy_place▁holder▁no▁2｜>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt and enable_thinking is defined and not enable_thinking %}
    {{- '<think>\\n\\n</think>\\n' }}
{%- endif %}
""",
        (hunyuan := f"<s>{{I}}{HY('place▁holder▁no▁3')}{HY('User')}{{U}}{HY('Assistant')}"),
        f"{HY('Assistant')}{{A}}{HY('place▁holder▁no▁2')}{HY('User')}{{Q}}",
        THINK,
        "enable_thinking",
        off=hunyuan + "<think>\n\n</think>\n",
    ),
    Family(
        "ERNIE 4.5",
        """
{{- '<|begin_of_sentence|>' }}
{%- for m in messages %}
    {%- if m.role == 'system' %}{{- m.content ~ '\\n' }}
    {%- elif m.role == 'user' %}{{- 'User: ' ~ m.content ~ '\\n' }}
    {%- else %}{{- 'Assistant: ' ~ m.content ~ '<|end_of_sentence|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- 'Assistant: ' }}{%- endif %}
""",
        "<|begin_of_sentence|>{I}\nUser: {U}\nAssistant: ",
        "\nAssistant: {A}<|end_of_sentence|>User: {Q}",
    ),
    Family(
        "ERNIE 4.5, thinking, which marks the answer too",
        """
{%- for m in messages %}
    {{- '<|im_start|>' ~ m.role ~ '\\n' }}
    {%- if m.reasoning_content %}
        {{- '<think>\\n' ~ m.reasoning_content ~ '\\n</think>\\n\\n' }}
    {%- endif %}
    {%- if m.role == 'assistant' %}{{- '<response>\\n' ~ m.content ~ '\\n</response>\\n' }}
    {%- else %}{{- m.content }}{%- endif %}
    {{- '<|im_end|>\\n\\n' }}
{%- endfor %}
"""
        + THINKS,
        CHATML.replace("<|im_end|>\n", "<|im_end|>\n\n") + "<think>\n",
        "<|im_end|>\n\n<|im_start|>assistant\n<response>\n{A}\n</response>\n<|im_end|>\n\n"
        "<|im_start|>user\n{Q}",
        THINK,
    ),
    Family(
        "Command A, reasoning",
        """
{{- bos_token }}
{%- set reasoning = reasoning | default(true) %}
{%- for m in messages %}
    {%- set who = {'system': 'SYSTEM', 'user': 'USER', 'assistant': 'CHATBOT'}[m.role] %}
    {{- '<|START_OF_TURN_TOKEN|><|' ~ who ~ '_TOKEN|>' }}
    {%- if m.role != 'assistant' %}{{- m.content }}
    {%- else %}
        {%- if m.thinking %}
            {{- '<|START_THINKING|>' ~ m.thinking ~ '<|END_THINKING|>' }}
        {%- endif %}
        {{- '<|START_RESPONSE|>' ~ m.content ~ '<|END_RESPONSE|>' }}
    {%- endif %}
    {{- '<|END_OF_TURN_TOKEN|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|><|START_THINKING|>' }}
    {%- if not reasoning %}{{- '<|END_THINKING|>' }}{%- endif %}
{%- endif %}
""",
        COHERE + "<|START_THINKING|>",
        "<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|><|START_RESPONSE|>{A}"
        "<|END_RESPONSE|><|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>{Q}",
        ("<|START_THINKING|>", "<|END_THINKING|>"),
        "reasoning",
        off=COHERE + "<|START_THINKING|><|END_THINKING|>",
    ),
    Family(
        "EXAONE 4",
        """
{%- for m in messages %}
    {{- '[|' ~ m.role ~ '|]\\n' }}
    {%- if m.role == 'assistant' and m.reasoning_content %}
        {{- '<think>\\n' ~ m.reasoning_content ~ '\\n</think>\\n\\n' }}
    {%- elif m.role == 'assistant' %}{{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
    {{- m.content ~ '[|endofturn|]\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '[|assistant|]\\n<think>\\n' }}
    {%- if not enable_thinking %}{{- '\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}
""",
        (exaone := "[|system|]\n{I}[|endofturn|]\n[|user|]\n{U}[|endofturn|]\n[|assistant|]\n")
        + CLOSED,
        "[|endofturn|]\n[|assistant|]\n<think>\n\n</think>\n\n{A}[|endofturn|]\n[|user|]\n{Q}",
        THINK,
        "enable_thinking",
        on=exaone + "<think>\n",
    ),
    Family(
        "OLMo 3, thinking",
        """
{%- for m in messages %}
    {{- '<|im_start|>' ~ m.role ~ '\\n' ~ m.content }}
    {%- if m.role == 'system' %}
        {{- ' <functions>' ~ (functions or '') ~ '</functions>' }}
    {%- endif %}
    {{- '<|im_end|>\\n' if not loop.last or m.role == 'user' else eos_token }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>' }}{%- endif %}
""",
        CHATML.replace("{I}", "{I} <functions></functions>") + "<think>",
        CHATML_TOLD,
        THINK,
    ),
    Family(
        "MiniMax M2",
        """
{%- for m in messages %}
    {%- if m.role == 'system' %}{{- ']~!b[]~b]system\\n' ~ m.content ~ '[e~[\\n' }}
    {%- elif m.role == 'user' %}{{- ']~b]user\\n' ~ m.content ~ '[e~[\\n' }}
    {%- else %}
        {{- ']~b]ai\\n' }}
        {%- if m.reasoning_content and loop.last %}
            {{- '<think>\\n' ~ m.reasoning_content ~ '\\n</think>\\n\\n' }}
        {%- endif %}
        {{- m.content ~ '[e~[\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- ']~b]ai\\n<think>\\n' }}{%- endif %}
""",
        "]~!b[]~b]system\n{I}[e~[\n]~b]user\n{U}[e~[\n]~b]ai\n<think>\n",
        "[e~[\n]~b]ai\n{A}[e~[\n]~b]user\n{Q}",
        THINK,
    ),
    Family(
        "Apertus, which says what it may",
        """
{{- bos_token }}
{%- set loop_messages = messages[1:] %}
{{- '<|system_start|>' ~ messages[0].content ~ '<|system_end|><|developer_start|>Deliberation: ' }}
{{- 'enabled' if enable_thinking is defined and enable_thinking else 'disabled' }}
{{- '\\nTool Capabilities: disabled<|developer_end|>' }}
{%- for m in loop_messages %}
    {{- '<|' ~ m.role ~ '_start|>' ~ m.content ~ '<|' ~ m.role ~ '_end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|assistant_start|>' }}{%- endif %}
""",
        APERTUS,
        "<|user_end|><|assistant_start|>{A}<|assistant_end|><|user_start|>{Q}",
        switch="enable_thinking",
        on=APERTUS.replace("Deliberation: disabled", "Deliberation: enabled"),
    ),
    Family(
        "Jamba",
        """
{{- bos_token }}
{%- for m in messages %}
    {{- '<|bom|><|' ~ m.role ~ '|> ' ~ m.content ~ '<|eom|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|bom|><|assistant|>' }}{%- endif %}
""",
        "<s><|bom|><|system|> {I}<|eom|><|bom|><|user|> {U}<|eom|><|bom|><|assistant|>",
        "<|eom|><|bom|><|assistant|> {A}<|eom|><|bom|><|user|> {Q}",
    ),
    Family(
        "Ling 2",
        """
{%- for m in messages %}
    {%- if m.role == 'system' %}
        {{- '<role>SYSTEM</role>' ~ m.content ~ '\\ndetailed thinking off<|role_end|>' }}
    {%- else %}
        {{- '<role>' ~ ('HUMAN' if m.role == 'user' else 'ASSISTANT') ~ '</role>' }}
        {{- m.content ~ '<|role_end|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<role>ASSISTANT</role>' }}{%- endif %}
""",
        "<role>SYSTEM</role>{I}\ndetailed thinking off<|role_end|><role>HUMAN</role>{U}<|role_end|>"
        "<role>ASSISTANT</role>",
        "<|role_end|><role>ASSISTANT</role>{A}<|role_end|><role>HUMAN</role>{Q}",
    ),
    Family(
        "Apriel 1.6, which thinks in plain words",
        """
{{- bos_token }}
{%- for m in messages %}
    {{- '<|begin_' ~ m.role ~ '|>\\n' }}
    {%- if m.reasoning_content and loop.last %}
        {{- m.reasoning_content ~ '\\n[BEGIN FINAL RESPONSE]\\n' }}
    {%- endif %}
    {{- m.content ~ '\\n' ~ ('<|end|>\\n' if m.role == 'assistant' else '') }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|begin_assistant|>\\nHere are my reasoning steps:\\n' }}
{%- endif %}
""",
        "<s><|begin_system|>\n{I}\n<|begin_user|>\n{U}\n<|begin_assistant|>\n"
        "Here are my reasoning steps:\n",
        "\n<|begin_assistant|>\n{A}\n<|end|>\n<|begin_user|>\n{Q}",
        ("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),
    ),
]
