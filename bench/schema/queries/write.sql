\set user random(1, :people)
INSERT INTO token_usage_tracking
    (id, user_id, session_key, agent_name, tokens_used, cost_usd, tokens_original)
VALUES (gen_random_uuid(), md5((:user)::text)::uuid, 'bench', 'agent-1', 100, 0.003, 130);
