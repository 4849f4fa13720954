using Mooring.Gateway.Transport;

namespace Mooring.Gateway;

/// <summary>Certificates of listeners and backends while the engine runs.</summary>
internal sealed partial class GatewayEngine
{
    /// <summary>
    /// Looks at the files of certificates again. New connections get what has changed; open ones keep what they have. A file that is no
    /// good any more changes nothing. Returns what is wrong with the files now.
    /// </summary>
    public async Task<CertificateReload> ReloadCertificatesAsync()
    {
        await _applying.WaitAsync();
        try
        {
            if (_state.Snapshot is not { } snapshot)
            {
                return new CertificateReload(false, []);
            }

            Hub.Reload();
            _tls.RotateTickets();
            var (plan, errors) = _tls.Prepare(snapshot);
            if (plan is null)
            {
                return new CertificateReload(false, errors);
            }

            _tls.Commit(plan);
            var changed = false;
            foreach (var config in snapshot.Backends)
            {
                var tls = _state.Backends[config.Name].Tls;
                var before = tls.Client;
                tls.Client = plan.Of(config, before);
                changed |= tls.Client != before;
            }

            foreach (var config in snapshot.Listeners.Where(listener => listener.Tls is not null))
            {
                var state = _state.Listeners.First(listener => listener.Name == config.Name);
                var tls = plan.Of(config)!;
                if (state.Setup is { } setup && setup.Tls?.Server != tls.Server)
                {
                    changed = true;
                    state.Use(setup with { Tls = tls }, EventLoop.Clock());
                }
            }

            return new CertificateReload(changed, [.. plan.Problems, .. Hub.Problems]);
        }
        finally
        {
            _applying.Release();
        }
    }

    /// <summary>Files of certificates that are no good at present, while their last good content serves on.</summary>
    public IReadOnlyList<string> CertificateProblems => _tls.Problems;

    /// <summary>When each certificate in force expires, by its name.</summary>
    public IReadOnlyDictionary<string, DateTimeOffset> CertificateExpiries => _tls.Expiries;

    /// <summary>When each revocation list in force expires, by its name.</summary>
    public IReadOnlyDictionary<string, DateTimeOffset> RevocationExpiries => _tls.RevocationExpiries;
}
