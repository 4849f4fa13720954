using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners.Tls;

/// <summary>Which certificate a client gets, who is let in, whom the gateway trusts, and where a server name leads.</summary>
public sealed class TlsPolicyTests
{
    [Theory]
    [InlineData("a.example.com", "a")]
    [InlineData("x.wild.example.com", "wild")]
    [InlineData("rsa.example.com", "rsa")]
    [InlineData("other.example.org", "a")]
    public async Task ServerName_ChoosesTheCertificate(string name, string subject)
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        await gateway.ServeAsync(
            server.Port,
            new TlsListenerConfig
            {
                Certificates =
                [
                    gateway.Authority.Issue("a", "a.example.com"),
                    gateway.Authority.Issue("wild", "*.wild.example.com"),
                    gateway.Authority.Issue("rsa", rsa: true, "rsa.example.com"),
                ],
            }
        );
        (await SubjectAsync(gateway, name)).ShouldBe($"CN={subject}");
        // The client is done first.
        await Until.TrueAsync(() => gateway.Listener?.FullHandshakesTotal == 1, EngineHarness.Patience, "the handshake is counted");
        gateway.Listener!.UnknownServerNamesTotal.ShouldBe(name.EndsWith(".org", StringComparison.Ordinal) ? 1 : 0);
        gateway.Listener.HandshakesByCipher.Sum(cipher => cipher.HandshakesTotal).ShouldBe(1);
    }

    [Fact]
    public async Task Reload_NewCertificateForNewConnections_OpenOnesStayAndBadOnesChangeNothing()
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls());
        await using var open = await TlsStreams.ConnectAsync(gateway.Port, gateway.Authority);
        var engine = gateway.Gateway.Engine;
        (await engine.ReloadCertificatesAsync()).Changed.ShouldBeFalse();

        gateway.Authority.Issue("a", "a.example.com", "new.example.com");
        var reload = await engine.ReloadCertificatesAsync();
        (reload.Changed, reload.Problems.Count).ShouldBe((true, 0));
        (await SubjectAlternativesAsync(gateway)).ShouldContain("new.example.com");

        var files = gateway.Authority.Files("a");
        await File.WriteAllTextAsync(files.KeyFile, "no key");
        reload = await engine.ReloadCertificatesAsync();
        reload.Changed.ShouldBeFalse();
        reload.Problems.Single().ShouldStartWith($"listeners[0].tls.certificates[0] (a): {files.KeyFile}: no private key can be read");
        engine.CertificateProblems.ShouldBe(reload.Problems);
        (await SubjectAlternativesAsync(gateway)).ShouldContain("new.example.com");

        // A config that names the broken file still serves by its last good content; a new file that was never good is an error.
        (await engine.ApplyConfigAsync(gateway.Config with { Fleet = "default/other" })).Errors.ShouldBeEmpty();
        var never = gateway.Config with
        {
            Listeners =
            [
                gateway.Config.Listeners[0] with
                {
                    Tls = new TlsListenerConfig { Certificates = [gateway.Authority.Files("none")] },
                },
            ],
        };
        (await engine.ApplyConfigAsync(never)).Errors.Single().ShouldContain("listeners[0].tls.certificates[0] (none): ");

        gateway.Authority.Issue("a", "a.example.com");
        (await engine.ReloadCertificatesAsync()).Problems.ShouldBeEmpty();
        await TlsTransfer.EchoAsync(open, 100_000, 10_000, seed: 4);
    }

    [Fact]
    public async Task Reload_CertificateWhoseNamesCannotBeRead_IsAProblemAndChangesNothing()
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls());
        var engine = gateway.Gateway.Engine;
        var files = gateway.Authority.Files("a");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=a", key, HashAlgorithmName.SHA256);
        // A DNS name of one byte that is no ASCII.
        request.CertificateExtensions.Add(new X509Extension("2.5.29.17", [0x30, 3, 0x82, 1, 0xff], critical: false));
        using var broken = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await File.WriteAllTextAsync(files.KeyFile, key.ExportPkcs8PrivateKeyPem());
        await File.WriteAllTextAsync(files.CertificateFile, broken.ExportCertificatePem());

        var reload = await engine.ReloadCertificatesAsync();
        reload.Changed.ShouldBeFalse();
        reload.Problems.Single().ShouldStartWith($"listeners[0].tls.certificates[0] (a): {files.CertificateFile}: ");
        (await SubjectAlternativesAsync(gateway)).ShouldContain("a.example.com");
        gateway.Authority.Issue("a", "a.example.com", "new.example.com");
        (await engine.ReloadCertificatesAsync()).Changed.ShouldBeTrue();
    }

    [Theory]
    [InlineData(true, "good", true)]
    [InlineData(true, "none", false)]
    [InlineData(true, "stranger", false)]
    [InlineData(false, "good", true)]
    [InlineData(false, "none", true)]
    [InlineData(false, "stranger", false)]
    public async Task ClientCertificate_IsAskedForAndVerified(bool required, string who, bool served)
    {
        await using var gateway = new TlsHarness();
        using var strangers = new TestAuthority("Another CA");
        using var server = new TestServer();
        await gateway.ServeAsync(
            server.Port,
            gateway.ServerTls() with
            {
                ClientCertificates = new ClientCertificateConfig
                {
                    Name = "ca",
                    CaFile = gateway.Authority.CaFile,
                    Required = required,
                },
            }
        );
        var certificate = who == "none" ? null : Load((who == "good" ? gateway.Authority : strangers).Issue("client", "client"));
        try
        {
            await using var client = await TlsStreams.ConnectAsync(
                gateway.Port,
                gateway.Authority,
                change: options => options.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate!
            );
            await TlsTransfer.EchoAsync(client, 1000, 1000, seed: 5);
            served.ShouldBeTrue();
        }
        catch (Exception error) when (error is IOException or AuthenticationException)
        {
            served.ShouldBeFalse(error.ToString());
        }

        if (!served)
        {
            await gateway.RefusedAsync(RefusalReason.ClientCertificate);
            server.Accepted.ShouldBe(0);
        }
    }

    [Theory]
    [InlineData("good", true)]
    [InlineData("wrong-name", false)]
    [InlineData("wrong-ca", false)]
    [InlineData("skip", true)]
    public async Task Backend_IsVerified(string how, bool served)
    {
        await using var gateway = new TlsHarness();
        using var strangers = new TestAuthority("Another CA");
        using var server = TlsStreams.Echo(gateway.BackendPair());
        var tls = how switch
        {
            "wrong-name" => gateway.ClientTls() with { ServerName = "other.example.com" },
            "wrong-ca" => gateway.ClientTls() with { CaFile = strangers.CaFile },
            "skip" => new BackendTlsConfig { InsecureSkipVerify = true },
            _ => gateway.ClientTls(),
        };
        await gateway.ServeAsync(server.Port, listener: null, tls);
        if (served)
        {
            await using var client = await TlsTransfer.ConnectAsync(gateway, tls: false);
            await TlsTransfer.EchoAsync(client, 1000, 1000, seed: 6);
            return;
        }

        await EngineProbes.IsResetAsync(gateway.Port);
        gateway.Backend!.FailedHandshakesTotal.ShouldBeGreaterThan(0);
        await gateway.RefusedAsync(RefusalReason.ConnectFailed);
    }

    [Fact]
    public async Task Backend_SeesTheClientCertificateAndResumesSessions()
    {
        var seen = new System.Collections.Concurrent.ConcurrentQueue<string?>();
        await using var gateway = new TlsHarness();
        using var server = TlsStreams.Echo(
            gateway.BackendPair(),
            options =>
            {
                options.ClientCertificateRequired = true;
#pragma warning disable CA5359 // What the gateway shows is looked at below.
                options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
            },
            stream => seen.Enqueue(stream.RemoteCertificate?.Subject)
        );
        await gateway.ServeAsync(
            server.Port,
            gateway.ServerTls(),
            gateway.ClientTls() with
            {
                ClientCertificate = gateway.Authority.Issue("gateway", "gateway"),
            }
        );
        for (var i = 0; i < 3; i++)
        {
            await using var client = await TlsTransfer.ConnectAsync(gateway, tls: true);
            await TlsTransfer.EchoAsync(client, 1000, 1000, seed: i);
        }

        seen.ShouldAllBe(subject => subject == "CN=gateway");
        gateway.Backend!.FullHandshakesTotal.ShouldBeLessThan(3);
        gateway.Backend.ResumedHandshakesTotal.ShouldBeGreaterThan(0);
    }

    [Theory]
    [InlineData("a.example.com", true)]
    [InlineData("deep.in.example.net", true)]
    [InlineData("b.example.com", false)]
    public async Task Passthrough_LeadsByServerName(string name, bool served)
    {
        await using var gateway = new TlsHarness();
        using var server = TlsStreams.Echo(
            CertificateConfigPair.Load(gateway.Authority.Issue("behind", "a.example.com", "deep.in.example.net"))
        );
        var port = (await gateway.Gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        var tls = new TlsListenerConfig
        {
            Mode = TlsMode.Passthrough,
            Routes = [new ServerNameRouteConfig { ServerNames = ["a.example.com", "*.example.net"], Backend = "relay" }],
        };
        await gateway.Gateway.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Backend = null, Tls = tls }] });
        var socket = await EngineHarness.ConnectAsync(port);
        if (!served)
        {
            await Should.ThrowAsync<Exception>(() =>
                TlsStreams.OverAsync(new System.Net.Sockets.NetworkStream(socket, true), gateway.Authority, name)
            );
            await gateway.RefusedAsync(RefusalReason.ServerName);
            return;
        }

        await using var client = await TlsStreams.OverAsync(new DribbleStream(socket), gateway.Authority, name);
        await TlsTransfer.EchoAsync(client, 3_000, 1_500, seed: 7);
    }

    private static X509Certificate2 Load(CertificateConfig files) =>
        X509Certificate2.CreateFromPemFile(files.CertificateFile, files.KeyFile);

    private static async Task<string> SubjectAsync(TlsHarness gateway, string name)
    {
        string? subject = null;
        await using var client = await TlsStreams.ConnectAsync(
            gateway.Port,
            gateway.Authority,
            name,
            options => options.RemoteCertificateValidationCallback = (_, certificate, _, _) => (subject = certificate!.Subject) is not null
        );
        return subject!;
    }

    private static async Task<string> SubjectAlternativesAsync(TlsHarness gateway)
    {
        var names = "";
        await using var client = await TlsStreams.ConnectAsync(
            gateway.Port,
            gateway.Authority,
            change: options =>
            {
                // A resumed session would show the certificate that it was made with.
                options.AllowTlsResume = false;
                options.RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                {
                    names = string.Join(
                        ' ',
                        ((X509Certificate2)certificate!)
                            .Extensions.OfType<X509SubjectAlternativeNameExtension>()
                            .SelectMany(list => list.EnumerateDnsNames())
                    );
                    return true;
                };
            }
        );
        return names;
    }
}
