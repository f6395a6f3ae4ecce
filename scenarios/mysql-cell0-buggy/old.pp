# The old release: nova has one database.
class { 'mysql::server':
  root_password    => 'UNSET', # Debian's root logs in over the socket
  override_options => { 'mysqld' => { 'bind-address' => '127.0.0.1' } },
}
class { 'nova::db::mysql':
  password    => 'novapw',
  host        => '%',
  setup_cell0 => false,
  charset     => 'utf8mb3',
  collate     => 'utf8mb3_general_ci',
}
include nova::serialproxy
