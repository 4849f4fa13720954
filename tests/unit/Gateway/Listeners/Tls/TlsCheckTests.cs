using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Backends.Checks;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners.Tls;

/// <summary>Active checks over TLS against a server that speaks it: they verify as the backend's connections do.</summary>
public sealed class TlsCheckTests
{
    private static readonly ActiveHealthConfig Fast = new()
    {
        Type = HealthCheckType.HTTPS,
        Interval = TimeSpan.FromMilliseconds(100),
        Timeout = TimeSpan.FromSeconds(10),
        Path = "/healthz",
        Rise = 1,
        Fall = 1,
    };

    [Theory]
    [InlineData("a.example.com", "a.example.com")]
    [InlineData("a.example.com:8443", "a.example.com")]
    [InlineData("192.0.2.1:443", "192.0.2.1")]
    [InlineData("[2001:db8::1]", "2001:db8::1")]
    [InlineData("[::1]:8443", "::1")]
    public void Https_NameOfTheCertificate_IsTheHostHeadersWithoutItsPort(string host, string name) =>
        EndpointProbe.NameOf(host).ShouldBe(name);

    [Theory]
    [InlineData("good", 200, null)]
    [InlineData("good", 503, "status 503")]
    [InlineData("wrong-name", 200, "RemoteCertificateNameMismatch")]
    [InlineData("wrong-ca", 200, "errors in the certificate chain")]
    [InlineData("wrong-ca-by-the-system", 200, "errors in the certificate chain")]
    [InlineData("skip", 200, null)]
    [InlineData("skip", 404, "status 404")]
    [InlineData("name-by-the-check", 200, null)]
    [InlineData("no-tls-in-the-backend", 200, null)]
    public async Task Https_CertificateAndStatus_AreJudged(string how, int status, string? error)
    {
        await using var gateway = new TlsHarness();
        using var strangers = new TestAuthority("Another CA");
        using var server = Https(gateway.BackendPair(), status);
        var tls = how switch
        {
            "wrong-name" => gateway.ClientTls() with { ServerName = "other.example.com" },
            "wrong-ca" => gateway.ClientTls() with { CaFile = strangers.CaFile },
            "wrong-ca-by-the-system" => gateway.ClientTls() with { CaFile = null },
            "skip" => new BackendTlsConfig { InsecureSkipVerify = true },
            "name-by-the-check" => gateway.ClientTls() with { ServerName = null },
            "no-tls-in-the-backend" => null,
            _ => gateway.ClientTls(),
        };
        await ServeAsync(gateway, server.Port, tls, Fast with { Host = how == "name-by-the-check" ? "backend.example.com:8443" : null });
        var check = await CheckedAsync(gateway, up: error is null);
        if (error is not null)
        {
            check.LastError!.ShouldContain(error);
        }
    }

    [Fact]
    public async Task Https_ServerThatWantsACertificate_SeesTheBackends()
    {
        var seen = new ConcurrentQueue<string?>();
        await using var gateway = new TlsHarness();
        using var server = Https(
            gateway.BackendPair(),
            200,
            options =>
            {
                options.ClientCertificateRequired = true;
#pragma warning disable CA5359 // What the gateway shows is looked at below.
                options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
            },
            stream => seen.Enqueue(stream.RemoteCertificate?.Subject)
        );
        var tls = gateway.ClientTls() with { ClientCertificate = gateway.Authority.Issue("gateway", "gateway") };
        await ServeAsync(gateway, server.Port, tls, Fast);
        await CheckedAsync(gateway, up: true);
        seen.ShouldNotBeEmpty();
        seen.ShouldAllBe(subject => subject == "CN=gateway");
    }

    [Fact]
    public async Task Https_CaThatIsReplaced_IsTheNextChecksToo()
    {
        await using var gateway = new TlsHarness();
        using var strangers = new TestAuthority("Another CA");
        using var server = Https(gateway.BackendPair(), 200);
        var trusted = Path.Combine(gateway.Authority.Folder, "trusted.crt");
        File.Copy(strangers.CaFile, trusted);
        await ServeAsync(gateway, server.Port, gateway.ClientTls() with { CaFile = trusted }, Fast);
        await CheckedAsync(gateway, up: false);
        File.Copy(gateway.Authority.CaFile, trusted, overwrite: true);
        (await gateway.Gateway.Engine.ReloadCertificatesAsync()).Changed.ShouldBeTrue();
        await CheckedAsync(gateway, up: true);
    }

    [Fact]
    public async Task Https_RevokedCertificate_IsDownUntilAListSaysOtherwise()
    {
        await using var gateway = new TlsHarness();
        using var server = Https(gateway.BackendPair(), 200);
        gateway.Authority.Revoke(DateTimeOffset.UtcNow.AddDays(5), "backend");
        await ServeAsync(gateway, server.Port, gateway.ClientTls() with { CrlFile = gateway.Authority.CrlFile }, Fast);
        (await CheckedAsync(gateway, up: false)).LastError.ShouldBe("certificate revoked");
        gateway.Authority.Revoke(DateTimeOffset.UtcNow.AddDays(5));
        (await gateway.Gateway.Engine.ReloadCertificatesAsync()).Changed.ShouldBeTrue();
        await CheckedAsync(gateway, up: true);
    }

    [Fact]
    public async Task Https_CertificateThatOpenSslTakesAndDotNetDoesNot_IsTheChecksError()
    {
        await using var gateway = new TlsHarness();
        using var server = Https(gateway.BackendPair(), 200);
        var own = gateway.Authority.Files("ed25519");
        var arguments = $"req -x509 -newkey ed25519 -nodes -subj /CN=gateway -keyout {own.KeyFile} -out {own.CertificateFile}";
        using var openssl = Process.Start(
            new ProcessStartInfo("openssl", arguments) { UseShellExecute = false, RedirectStandardError = true }
        )!;
        await openssl.StandardError.ReadToEndAsync();
        await openssl.WaitForExitAsync();
        await ServeAsync(gateway, server.Port, gateway.ClientTls() with { ClientCertificate = own }, Fast);
        (await CheckedAsync(gateway, up: false)).LastError!.ShouldContain("1.3.101.112", customMessage: "Ed25519, RFC 8410 §3");
    }

    private static TestServer Https(
        CertificateConfigPair pair,
        int status,
        Action<SslServerAuthenticationOptions>? change = null,
        Action<SslStream>? seen = null
    ) =>
        new(async socket =>
        {
            await using var stream = new SslStream(new NetworkStream(socket, ownsSocket: false));
            var options = new SslServerAuthenticationOptions { ServerCertificate = pair.Certificate };
            change?.Invoke(options);
            try
            {
                await stream.AuthenticateAsServerAsync(options);
                seen?.Invoke(stream);
                var buffer = new byte[4096];
                var length = await stream.ReadAsync(buffer);
                var asked = Encoding.ASCII.GetString(buffer, 0, length).StartsWith("GET /healthz HTTP/1.1\r\n", StringComparison.Ordinal);
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {(asked ? status : 400)} Whatever\r\n\r\n"));
            }
            catch (Exception error) when (error is IOException or AuthenticationException)
            {
                // The gateway refused, or went.
            }
        });

    private static async Task ServeAsync(TlsHarness gateway, int backend, BackendTlsConfig? tls, ActiveHealthConfig check)
    {
        var port = (await gateway.Gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, backend);
        await gateway.Gateway.ApplyAsync(config with { Backends = [config.Backends[0] with { Tls = tls, ActiveHealth = check }] });
    }

    private static async Task<CheckLoad> CheckedAsync(TlsHarness gateway, bool up)
    {
        CheckLoad? check = null;
        await Until.TrueAsync(
            () =>
                (check = gateway.Gateway.Engine.BackendLoads()[0].Endpoints[0].Check) is not null
                && check.Up == up
                && (up ? check.PassedTotal : check.FailedTotal) > 0,
            EngineHarness.Patience,
            $"the endpoint is {(up ? "up" : "down")}"
        );
        return check!;
    }
}
