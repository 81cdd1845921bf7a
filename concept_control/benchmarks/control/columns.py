"""Columns of the control benchmark's tables: titles, and the format of the values below."""

TOY_COLUMNS = {
    'problem': '{problem}',
    'planner': '{planner}',
    'success': '{success:.0%}',
    'median error': '{error_median:.4f} {unit}',
    'cost': '{cost_median:.3g}',
    'plan [ms]': '{plan_ms:.2f}',
}
TOOL_COLUMNS = {
    'planner': '{planner}',
    'within 1 mm': '{within_1_mm:.0%}',
    'final [mm]': '{final_mm:.2f}',
    'to 5 mm [s]': '{time_to_5_mm:.2f}',
    'plan [ms]': '{plan_ms:.2f}',
}
JUDO_COLUMNS = {
    'method': '{method}',
    'within 1 mm': '{within_1_mm:.0%}',
    'final [mm]': '{final_mm:.3f}',
    'rest [mm]': '{rest_mm:.3f}',
    'worst [mm]': '{worst_mm:.2f}',
    '∫E dt [m² s]': '{integral:.4f}',
    'to 5 mm [s]': '{time_to_5_mm:.2f}',
    'plan [ms]': '{plan_ms:.2f}',
    'speed / limit': '{speed:.2f}',
    'acceleration / limit': '{acceleration:.2f}',
}
COMMAND_COLUMNS = {
    'command': '{command}',
    'runs': '{runs_count}',
    'success': '{success:.0%}',
    'error [mm]': '{error_mm:.1f}',
    'solution [mm]': '{solution_error_mm:.1f}',
    'time [s]': '{time:.1f}',
    'moves': '{moves:.1f}',
    '∫E dt': '{integral:.3f}',
}
