# keel_add_policy(): filled by the policy kit
