/** Shown at the end of each command's help, by the words that name the command. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  serve: [
    'berth serve --config /etc/berth/berth.yaml',
    'berth serve --upstream https://contoso.azurecr.io --port 5000 --cache /var/cache/berth',
  ],
  check: [
    'berth check /etc/berth/berth.yaml',
    'berth check --files /etc/berth/berth.yaml',
    'berth check config/berth.yaml -o json',
  ],
  'show-endpoints': ['berth show-endpoints --name contoso', 'berth show-endpoints --name contoso -o table'],
  update: [
    'berth update --name contoso --data-endpoint-enabled',
    'berth update --name contoso --data-endpoint-enabled false',
  ],
  regions: ['berth regions --name contoso', 'berth regions --name contoso -o json'],
  'report migration': [
    'berth report migration --name contoso',
    'berth report migration --name contoso -o json',
  ],
  warm: [
    'berth warm contoso.registry.example/team/app:1.4 --platform linux/amd64 --platform linux/arm64',
    'berth warm team/app:1.4 team/web:2.0 --name contoso --connect 127.0.0.1:443',
    'berth warm localhost:5000/team/app:latest',
  ],
  'cache ls': ['berth cache ls', 'berth cache ls --directory /var/cache/berth -o json'],
  'cache rm': ['berth cache rm sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  'cache verify': ['berth cache verify'],
  'cache gc': ['berth cache gc'],
  'firewall-rules': [
    'berth firewall-rules --name contoso --format nftables',
    'berth firewall-rules --name contoso --format iptables --dns 192.0.2.53 --gateway',
  ],
  'ticket-key generate': ['berth ticket-key generate --file /etc/berth/ticket.keys'],
  'ticket-key rotate': ['berth ticket-key rotate --config /etc/berth/berth.yaml'],
  'client-config': [
    'berth client-config containerd --name contoso --ca ca.pem',
    'berth client-config docker --name contoso --root /',
  ],
  'check-health': [
    'berth check-health --name contoso --image team/app:1.4',
    'berth check-health --login-server contoso.registry.example --data-endpoint contoso.eastus.data.registry.example',
  ],
  completion: [
    'source <(berth completion bash)',
    'berth completion zsh > /usr/local/share/zsh/site-functions/_berth',
    'berth completion fish > ~/.config/fish/completions/berth.fish',
  ],
  complete: ['berth complete -- show-endpoints --name ""'],
};
