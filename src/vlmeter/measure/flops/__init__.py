"""Operations: counted by dispatch, with what was left out."""
