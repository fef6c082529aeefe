-- Whose requests they are is asked of the staged day: its users are joined already.
ALTER TABLE staged_day{{ on_cluster }} ADD COLUMN IF NOT EXISTS share_of_unknown_users Float64;
