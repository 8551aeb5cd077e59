SELECT id, fingerprint, class, ended FROM /* which */ ORDER BY id
