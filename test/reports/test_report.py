"""What is found is told twice, with the same words: on the terminal and on a page."""

from matplotlib.figure import Figure

from concept_control.reports.report import Report


def test_what_is_printed_is_on_the_page_and_pictures_are_drawn_for_it_only(tmp_path, capsys):
    drawn = []

    def draw(title):
        drawn.append(title)
        return Figure()

    report = Report('Everything & more')
    report.heading('planners, 3 starts each')
    report.table({'planner': '{name}', 'error': '{error:.2f}'}, [{'name': 'ilqg', 'error': 0.126}])
    report.say('one was missed', is_note=True)
    report.show(draw, 'errors')
    printed = capsys.readouterr().out
    report.write(None)
    assert drawn == []
    report.write(tmp_path / 'page.html')
    page = (tmp_path / 'page.html').read_text()
    for words in ('lanners, 3 starts each', 'ilqg', '0.13', 'one was missed', 'commit'):
        assert words in printed and words in page, words
    assert drawn == ['errors'] and page.count('<img') == 1
    assert 'Everything &amp; more' in page and '<h2>Planners' in page
