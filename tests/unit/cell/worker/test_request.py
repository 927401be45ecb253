def test_x(inputs, machine):
    from job_factory import make_cell_job

    from vlmeter.cell.worker.measure import measure_cell

    m = measure_cell(make_cell_job(), inputs, machine, None)
    r = m.figures.request
    print(r)
    assert 0
