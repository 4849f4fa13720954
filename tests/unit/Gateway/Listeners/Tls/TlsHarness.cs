using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners.Tls;

/// <summary>An engine with one listener and one backend, either of which may speak TLS, and the CA behind both.</summary>
internal sealed class TlsHarness(int loops = 1, Func<EngineOptions, EngineOptions>? change = null) : IAsyncDisposable
{
    public TestAuthority Authority { get; } = new();

    public EngineHarness Gateway { get; } = new(loops, change);

    public int Port { get; private set; }

    public GatewayConfig Config { get; private set; } = null!;

    /// <summary>TLS with the certificate <c>a.example.com</c>.</summary>
    public TlsListenerConfig ServerTls() => new() { Certificates = [Authority.Issue("a", "a.example.com")] };

    /// <summary>TLS to a backend whose certificate is for <c>backend.example.com</c>.</summary>
    public BackendTlsConfig ClientTls() => new() { ServerName = "backend.example.com", CaFile = Authority.CaFile };

    public CertificateConfigPair BackendPair() => CertificateConfigPair.Load(Authority.Issue("backend", "backend.example.com"));

    public async Task<int> ServeAsync(int backend, TlsListenerConfig? listener, BackendTlsConfig? upstream = null)
    {
        Port = (await Gateway.ListenAsync())[0];
        Config = EngineHarness.Config(Port, backend);
        Config = Config with
        {
            Listeners = [Config.Listeners[0] with { Tls = listener }],
            Backends = [Config.Backends[0] with { Tls = upstream }],
        };
        await Gateway.ApplyAsync(Config);
        return Port;
    }

    public TlsLoad? Listener => Gateway.Engine.ListenerLoads()[0].Tls;

    public TlsLoad? Backend => Gateway.Engine.BackendLoads()[0].Tls;

    public long Refused(RefusalReason reason) =>
        Gateway.Engine.ListenerLoads()[0].RefusedTotal.GetValueOrDefault(RefusalReasons.Name(reason));

    public Task RefusedAsync(RefusalReason reason) =>
        Until.TrueAsync(() => Refused(reason) > 0, EngineHarness.Patience, $"a refusal for {reason}");

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        Authority.Dispose();
    }
}
