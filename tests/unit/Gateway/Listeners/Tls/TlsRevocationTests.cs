using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners.Tls;

/// <summary>Client certificates against revocation lists; clients are <c>openssl s_client</c>.</summary>
public sealed class TlsRevocationTests
{
    private static readonly DateTimeOffset Later = DateTimeOffset.UtcNow.AddDays(5);

    [Theory]
    [InlineData("-tls1_2")]
    [InlineData("-tls1_3")]
    public async Task Revoked_IsRefused_AndOpenConnectionsAndOthersAreServed(string version)
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        var (good, bad) = (gateway.Authority.Issue("good", "good"), gateway.Authority.Issue("bad", "bad"));
        gateway.Authority.Revoke(Later);
        await ServeAsync(gateway, server);
        var engine = gateway.Gateway.Engine;
        engine.RevocationExpiries.ShouldHaveSingleItem().Key.ShouldBe("clients");
        (engine.RevocationExpiries["clients"] - Later).Duration().ShouldBeLessThan(TimeSpan.FromSeconds(2));
        using var certificate = System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPemFile(
            bad.CertificateFile,
            bad.KeyFile
        );
        await using var open = await TlsStreams.ConnectAsync(
            gateway.Port,
            gateway.Authority,
            change: options => options.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate
        );
        await TlsTransfer.PingAsync(open);
        var session = Path.Combine(gateway.Authority.Folder, "session.pem");
        (await TalkAsync(gateway, bad, version, "one", "-sess_out", session)).ShouldContain("New, ");

        gateway.Authority.Revoke(Later, "bad");
        var reload = await engine.ReloadCertificatesAsync();
        (reload.Changed, reload.Problems.Count).ShouldBe((true, 0));
        (await engine.ReloadCertificatesAsync()).Changed.ShouldBeFalse();

        // Neither anew nor by the session that it has.
        (await TalkAsync(gateway, bad, version, "two")).ShouldNotContain("\ntwo\n");
        var told = await TalkAsync(gateway, bad, version, "three", "-sess_in", session);
        told.ShouldNotContain("\nthree\n");
        told.ShouldContain("alert certificate revoked");
        await Until.TrueAsync(() => gateway.Refused(RefusalReason.CertificateRevoked) == 2, EngineHarness.Patience, "two are refused");
        await LoggedAsync(gateway, "certificate revoked");
        (await TalkAsync(gateway, good, version, "four")).ShouldContain("\nfour\n");
        await TlsTransfer.PingAsync(open);
    }

    [Fact]
    public async Task Expired_IsAProblemAndRefusesAll_UntilThereIsANewOne()
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        var good = gateway.Authority.Issue("good", "good");
        gateway.Authority.Revoke(DateTimeOffset.UtcNow.AddHours(-1));
        await ServeAsync(gateway, server);
        var engine = gateway.Gateway.Engine;
        engine
            .CertificateProblems.ShouldHaveSingleItem()
            .ShouldStartWith("listeners[0].tls.clientCertificates.crlFile (clients): expired at ");
        (await TalkAsync(gateway, good, "-tls1_3", "one")).ShouldNotContain("\none\n");
        await gateway.RefusedAsync(RefusalReason.RevocationList);
        await LoggedAsync(gateway, "CRL has expired");

        gateway.Authority.Revoke(Later);
        var reload = await engine.ReloadCertificatesAsync();
        (reload.Changed, reload.Problems.Count).ShouldBe((true, 0));
        (await TalkAsync(gateway, good, "-tls1_3", "two")).ShouldContain("\ntwo\n");

        // What is no list later changes nothing.
        await File.WriteAllTextAsync(gateway.Authority.CrlFile, "no list");
        reload = await engine.ReloadCertificatesAsync();
        reload.Changed.ShouldBeFalse();
        reload.Problems.ShouldHaveSingleItem().ShouldContain($"{gateway.Authority.CrlFile}: no revocation list can be read");
        (await TalkAsync(gateway, good, "-tls1_3", "three")).ShouldContain("\nthree\n");
    }

    [Fact]
    public async Task MomentOfExpiry_EndsTheResumptionOfSessions()
    {
        var clock = new ManualTime();
        await using var gateway = new TlsHarness(change: options => options with { Time = clock });
        using var server = new TestServer();
        var good = gateway.Authority.Issue("good", "good");
        gateway.Authority.Revoke(Later);
        await ServeAsync(gateway, server);
        var session = Path.Combine(gateway.Authority.Folder, "session.pem");
        await TalkAsync(gateway, good, "-tls1_3", "one", "-sess_out", session);
        (await TalkAsync(gateway, good, "-tls1_3", "two", "-sess_in", session, "-sess_out", session)).ShouldContain("Reused, ");
        clock.Advance(Later - clock.GetUtcNow() + TimeSpan.FromSeconds(1));
        var reload = await gateway.Gateway.Engine.ReloadCertificatesAsync();
        reload.Changed.ShouldBeTrue();
        reload.Problems.ShouldHaveSingleItem().ShouldContain("expired at ");
        // OpenSSL goes by the kernel's clock, so here it lets the client in; but it asks.
        (await TalkAsync(gateway, good, "-tls1_3", "three", "-sess_in", session)).ShouldContain("New, ");
    }

    [Fact]
    public async Task ListOfAnotherAuthority_LetsNobodyIn_AndNoListIsAnErrorOfTheConfig()
    {
        await using var gateway = new TlsHarness();
        using var other = new TestAuthority("Another CA");
        using var server = new TestServer();
        var good = gateway.Authority.Issue("good", "good");
        other.Revoke(Later);
        await ServeAsync(gateway, server, other.CrlFile);
        (await TalkAsync(gateway, good, "-tls1_2", "one")).ShouldNotContain("\none\n");
        await gateway.RefusedAsync(RefusalReason.RevocationList);

        var none = gateway.Config.Listeners[0] with { Tls = Tls(gateway, gateway.Authority.CaFile) };
        var result = await gateway.Gateway.Engine.ApplyConfigAsync(gateway.Config with { Listeners = [none] });
        result.Errors.ShouldHaveSingleItem().ShouldStartWith("listeners[0].tls.clientCertificates.crlFile (clients): ");
    }

    /// <summary>Every certificate of a chain is asked for, so every CA in it must have a list.</summary>
    [Theory]
    [InlineData("nothing revoked", null)]
    [InlineData("by the intermediate", nameof(RefusalReason.CertificateRevoked))]
    [InlineData("the intermediate itself", nameof(RefusalReason.CertificateRevoked))]
    [InlineData("no list of the root", nameof(RefusalReason.RevocationList))]
    [InlineData("no list of the intermediate", nameof(RefusalReason.RevocationList))]
    public async Task IssuedByAnIntermediate_TheWholeChainIsAsked(string how, string? refusal)
    {
        await using var gateway = new TlsHarness();
        using var intermediate = new TestAuthority("Intermediate", gateway.Authority);
        using var server = new TestServer();
        var client = intermediate.Issue("client", "client");
        gateway.Authority.Revoke(Later, how == "the intermediate itself" ? ["Intermediate"] : []);
        intermediate.Revoke(Later, how == "by the intermediate" ? ["client"] : []);
        var lists = how switch
        {
            "no list of the root" => await File.ReadAllTextAsync(intermediate.CrlFile),
            "no list of the intermediate" => await File.ReadAllTextAsync(gateway.Authority.CrlFile),
            _ => $"{await File.ReadAllTextAsync(gateway.Authority.CrlFile)}\n{await File.ReadAllTextAsync(intermediate.CrlFile)}\n",
        };
        await File.WriteAllTextAsync(gateway.Authority.CrlFile, lists);
        await ServeAsync(gateway, server);

        var told = await TalkAsync(gateway, client, "-tls1_3", "hello", "-cert_chain", intermediate.CaFile);
        if (refusal is null)
        {
            told.ShouldContain("\nhello\n");
            return;
        }

        told.ShouldNotContain("\nhello\n");
        await gateway.RefusedAsync(Enum.Parse<RefusalReason>(refusal));
        server.Accepted.ShouldBe(0);
    }

    private static TlsListenerConfig Tls(TlsHarness gateway, string? list = null) =>
        gateway.ServerTls() with
        {
            ClientCertificates = new ClientCertificateConfig
            {
                Name = "clients",
                CaFile = gateway.Authority.CaFile,
                CrlName = "clients",
                CrlFile = list ?? gateway.Authority.CrlFile,
            },
        };

    private static Task ServeAsync(TlsHarness gateway, TestServer server, string? list = null) =>
        gateway.ServeAsync(server.Port, Tls(gateway, list));

    private static Task<string> TalkAsync(TlsHarness gateway, CertificateConfig who, string version, string word, params string[] more) =>
        OpenSslPeerTests.TalkAsync(
            gateway,
            [version, "-cert", who.CertificateFile, "-key", who.KeyFile, .. more],
            $"{word}\n",
            $"\n{word}\n"
        );

    private static Task LoggedAsync(TlsHarness gateway, string problem) =>
        Until.TrueAsync(
            () => gateway.Gateway.Records.Any(record => record.Tls?.Problem == problem),
            EngineHarness.Patience,
            $"'{problem}' in the access log"
        );
}
