using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Tests.Transport.Tls;

namespace Mooring.Gateway.Tests.Listeners.Tls;

/// <summary>Certificates of endpoints against revocation lists.</summary>
public sealed class TlsBackendRevocationTests
{
    private static readonly DateTimeOffset Later = DateTimeOffset.UtcNow.AddDays(5);

    [Fact]
    public async Task Revoked_IsNotConnectedToAnyMore_AndWhatIsOpenStays()
    {
        await using var gateway = new TlsHarness();
        using var server = TlsStreams.Echo(gateway.BackendPair());
        gateway.Authority.Revoke(Later);
        await gateway.ServeAsync(server.Port, listener: null, Tls(gateway));
        var engine = gateway.Gateway.Engine;
        engine.RevocationExpiries.ShouldHaveSingleItem().Key.ShouldBe("lists");
        await using var open = await TlsTransfer.ConnectAsync(gateway, tls: false);
        await TlsTransfer.PingAsync(open);
        await EchoAnewAsync(gateway);

        gateway.Authority.Revoke(Later, "backend");
        var reload = await engine.ReloadCertificatesAsync();
        (reload.Changed, reload.Problems.Count).ShouldBe((true, 0));
        (await engine.ReloadCertificatesAsync()).Changed.ShouldBeFalse();
        // Not by the session that it has either.
        await EngineProbes.IsResetAsync(gateway.Port);
        await gateway.RefusedAsync(RefusalReason.ConnectFailed);
        gateway.Backend!.FailedHandshakesTotal.ShouldBeGreaterThan(0);
        await TlsTransfer.PingAsync(open);

        gateway.Authority.Revoke(Later);
        (await engine.ReloadCertificatesAsync()).Changed.ShouldBeTrue();
        await EchoAnewAsync(gateway);
    }

    [Fact]
    public async Task Expired_IsAProblemAndNobodyIsConnectedTo_UntilThereIsANewOne()
    {
        await using var gateway = new TlsHarness();
        using var server = TlsStreams.Echo(gateway.BackendPair());
        gateway.Authority.Revoke(DateTimeOffset.UtcNow.AddHours(-1));
        await gateway.ServeAsync(server.Port, listener: null, Tls(gateway));
        var engine = gateway.Gateway.Engine;
        var problem = engine.CertificateProblems.ShouldHaveSingleItem();
        problem.ShouldStartWith("backends[0].tls.crlFile (lists): expired at ");
        problem.ShouldEndWith("; no backend's certificate is taken until there is a new one");
        await EngineProbes.IsResetAsync(gateway.Port);

        gateway.Authority.Revoke(Later);
        var reload = await engine.ReloadCertificatesAsync();
        (reload.Changed, reload.Problems.Count).ShouldBe((true, 0));
        await EchoAnewAsync(gateway);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task IssuedByAnIntermediate_BothListsAreNeeded(bool both)
    {
        await using var gateway = new TlsHarness();
        using var intermediate = new TestAuthority("Intermediate", gateway.Authority);
        using var server = TlsStreams.Echo(
            CertificateConfigPair.Load(intermediate.Issue("backend", "backend.example.com")),
            options => options.ServerCertificateContext = Context(intermediate)
        );
        gateway.Authority.Revoke(Later);
        intermediate.Revoke(Later);
        if (both)
        {
            await File.AppendAllTextAsync(gateway.Authority.CrlFile, "\n" + await File.ReadAllTextAsync(intermediate.CrlFile));
        }

        await gateway.ServeAsync(server.Port, listener: null, Tls(gateway));
        if (both)
        {
            await EchoAnewAsync(gateway);
        }
        else
        {
            await EngineProbes.IsResetAsync(gateway.Port);
        }
    }

    private static System.Net.Security.SslStreamCertificateContext Context(TestAuthority intermediate)
    {
        var files = intermediate.Files("backend");
        var certificate = System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPemFile(
            files.CertificateFile,
            files.KeyFile
        );
        return System.Net.Security.SslStreamCertificateContext.Create(certificate, [intermediate.Root], offline: true);
    }

    private static BackendTlsConfig Tls(TlsHarness gateway) =>
        gateway.ClientTls() with
        {
            CrlName = "lists",
            CrlFile = gateway.Authority.CrlFile,
        };

    private static async Task EchoAnewAsync(TlsHarness gateway)
    {
        await using var client = await TlsTransfer.ConnectAsync(gateway, tls: false);
        await TlsTransfer.EchoAsync(client, 1000, 1000, seed: 3);
    }
}
