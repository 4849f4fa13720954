using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Mooring.Operator.Run;

namespace Mooring.Operator.Tests.Run;

public sealed class ServerTlsTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task Handshake_CertificateIsRenewed_TheNextGetsTheNewOne()
    {
        using var first = Certificate("first");
        using var second = Certificate("second");
        var current = first;
        var tls = new ServerTls(() => current, isClient: null);

        (await ShakeAsync(tls, null)).ShouldBe("CN=first");
        (await ShakeAsync(tls, null)).ShouldBe("CN=first");
        current = second;
        (await ShakeAsync(tls, null)).ShouldBe("CN=second");
    }

    [Fact]
    public async Task Options_SameCertificate_AreMadeOnce()
    {
        using var certificate = Certificate("first");
        var tls = new ServerTls(() => certificate, isClient: null);
        (await OptionsAsync(tls)).ShouldBeSameAs(await OptionsAsync(tls));
    }

    [Fact]
    public async Task Options_NoCertificateYet_NobodyCanConnect() =>
        await Should.ThrowAsync<AuthenticationException>(() => OptionsAsync(new ServerTls(static () => null, isClient: null)));

    [Theory]
    [InlineData("good", true)]
    [InlineData("other", false)]
    [InlineData(null, false)]
    public async Task Handshake_OnlyForClientsThatAreGood(string? client, bool accepted)
    {
        using var certificate = Certificate("server");
        using var shown = client is null ? null : Certificate(client);
        var tls = new ServerTls(() => certificate, static one => one.Subject == "CN=good");
        (await ShakeAsync(tls, shown) is not null).ShouldBe(accepted);
    }

    [Fact]
    public async Task Handshake_StrangerNamesAnAddress_IsNotFetched()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var certificate = Certificate("server");
        using var issuer = Certificate("issuer");
        using var stranger = Certificate("stranger", issuer, $"http://{listener.LocalEndpoint}/issuer.cer");
        using var limit = new CancellationTokenSource(Deadline);
        var fetched = listener.AcceptSocketAsync(limit.Token).AsTask();

        var shaken = ShakeAsync(new ServerTls(() => certificate, static _ => false), stranger);

        (await Task.WhenAny(shaken, fetched)).ShouldBe(shaken, "it asks an address that a stranger's certificate names");
        (await shaken).ShouldBeNull();
        await limit.CancelAsync();
        await ((Task)fetched).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Has a look at the server's end of a connection.</summary>
    internal static async Task ShakeAsync(Action<SslStream> look)
    {
        using var certificate = Certificate("server");
        await ShakeAsync(new ServerTls(() => certificate, isClient: null), shown: null, look);
    }

    /// <summary>Returns whom the client found there; null when the server would not have it.</summary>
    private static async Task<string?> ShakeAsync(ServerTls tls, X509Certificate2? shown, Action<SslStream>? look = null)
    {
        using var limit = new CancellationTokenSource(Deadline);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint, limit.Token);
        using var accepted = await listener.AcceptTcpClientAsync(limit.Token);
        await using var serving = new SslStream(accepted.GetStream());
        await using var dialling = new SslStream(client.GetStream());
        var asking = dialling.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "operator",
                // Offline: the client looks for no issuer of its own.
                ClientCertificateContext = shown is null ? null : SslStreamCertificateContext.Create(shown, null, offline: true),
                RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null,
            },
            limit.Token
        );
        try
        {
            await serving.AuthenticateAsServerAsync(await OptionsAsync(tls), limit.Token);
        }
        catch (AuthenticationException)
        {
            accepted.Close();
            await asking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return null;
        }

        await asking;
        look?.Invoke(serving);
        return dialling.RemoteCertificate!.Subject;
    }

    private static async Task<SslServerAuthenticationOptions> OptionsAsync(ServerTls tls) =>
        await tls.Callback.OnConnection(new TlsHandshakeCallbackContext());

    private static X509Certificate2 Certificate(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = DateTimeOffset.UtcNow;
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(now.AddHours(-1), now.AddHours(1));
    }

    private static X509Certificate2 Certificate(string name, X509Certificate2 issuer, string issuerAt)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension(ocspUris: [], caIssuersUris: [issuerAt]));
        var now = DateTimeOffset.UtcNow;
        using var certificate = request.Create(issuer, now.AddMinutes(-30), now.AddMinutes(30), [1, 2, 3, 4]);
        return certificate.CopyWithPrivateKey(key);
    }
}
