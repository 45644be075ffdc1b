"""The first question of lab 07 without a browser; nothing depends on how many networks have been trained."""

from fcnlab.ui.findings.reduction import reduction


def test_the_first_question_follows_menu_and_clicks():
    lab = reduction()
    assert "HOPs, published convention" in lab.numbers.value
    network = lab.networks[0]
    lab.model.change(network=network.name)
    assert f"{network.hops:,}" in lab.numbers.value
    assert lab.figure.data[-2].x == (network.hops,)
    trace = lab.figure.data[0]
    lab._clicked(trace, 0)
    assert lab.model.settings.network == trace.customdata[0]
    published = next(trace for trace in lab.figure.data if trace.name == "published")
    lab._clicked(published, 2)
    assert lab.model.settings.beside == "CryptoDL-1"
    assert "fewer than CryptoDL-1" in lab.numbers.value


def test_measured_networks_show_their_seconds():
    lab = reduction()
    names = {network.name for network in lab.networks}
    run = next(run for run in lab.runs if run.system in names)
    lab.model.change(network=run.system)
    assert "evaluate, measured" in lab.numbers.value
    assert lab.figure.data[-1].x == (run.total,)


def test_an_empty_table_is_no_error(monkeypatch):
    monkeypatch.setattr("fcnlab.ui.findings.reduction.load_networks", lambda: ())
    assert "fcnlab sweep" in reduction().numbers.value
