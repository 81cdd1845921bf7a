from concept_control.reports.tables import fill_rows, text_table

COLUMNS = {'name': '{name}', 'error [mm]': '{error:.1f}'}


def test_columns_are_as_wide_as_their_widest_cell():
    rows = fill_rows(COLUMNS, [{'name': 'between', 'error': 3.14}, {'name': 'x', 'error': 120.0}])
    assert text_table(COLUMNS, rows).splitlines() == [
        'name       error [mm]',
        'between           3.1',
        'x               120.0',
    ]


def test_a_table_without_rows_is_its_header():
    assert text_table(COLUMNS, []).split() == ['name', 'error', '[mm]']
