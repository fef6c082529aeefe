DROP TABLE IF EXISTS user_deletion;
DROP TABLE IF EXISTS enterprise_enquiry;
DROP TABLE IF EXISTS satisfaction_answer;
DROP TABLE IF EXISTS subscription_event;
