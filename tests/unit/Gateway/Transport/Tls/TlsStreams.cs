using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Mooring.Gateway.Tests.Listeners;

namespace Mooring.Gateway.Tests.Transport.Tls;

/// <summary>.NET's own TLS on both ends of a gateway, in the tests.</summary>
internal static class TlsStreams
{
    /// <summary>Connects and shakes hands, trusting a test's CA alone.</summary>
    public static async Task<SslStream> ConnectAsync(
        int port,
        TestAuthority authority,
        string name = "a.example.com",
        Action<SslClientAuthenticationOptions>? change = null
    )
    {
        var socket = await EngineHarness.ConnectAsync(port);
        return await OverAsync(new NetworkStream(socket, ownsSocket: true), authority, name, change);
    }

    public static async Task<SslStream> OverAsync(
        Stream inner,
        TestAuthority authority,
        string name = "a.example.com",
        Action<SslClientAuthenticationOptions>? change = null
    )
    {
        var stream = new SslStream(inner);
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = name,
            CertificateChainPolicy = Trust(authority),
            EnabledSslProtocols = SslProtocols.None,
        };
        change?.Invoke(options);
        try
        {
            using var limit = new CancellationTokenSource(EngineHarness.Patience);
            await stream.AuthenticateAsClientAsync(options, limit.Token);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>A backend that speaks TLS on each connection, and echoes.</summary>
    public static TestServer Echo(
        CertificateConfigPair pair,
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
                var buffer = new byte[64 * 1024];
                while (await stream.ReadAsync(buffer) is > 0 and var count)
                {
                    await stream.WriteAsync(buffer.AsMemory(0, count));
                }

                await stream.ShutdownAsync();
            }
            catch (Exception error) when (error is IOException or AuthenticationException)
            {
                // The gateway refused, or went.
            }
        });

    /// <summary>Sends close_notify, while somebody may be reading.</summary>
    public static async Task EndWritingAsync(SslStream stream)
    {
        try
        {
            await stream.ShutdownAsync();
        }
        catch (Exception error)
            when (error.GetType().Name == "SslException" && error.Message.EndsWith("error - 6.", StringComparison.Ordinal))
        {
            // SSL_ERROR_ZERO_RETURN: the other end's close_notify was read between .NET's SSL_shutdown and its SSL_get_error. What was
            // written is on its way, and its end follows with the socket's.
        }
    }

    private static X509ChainPolicy Trust(TestAuthority authority) =>
        new()
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { authority.Root },
            RevocationMode = X509RevocationMode.NoCheck,
        };
}

/// <summary>A certificate with its key, loaded for a server of a test.</summary>
internal sealed record CertificateConfigPair(X509Certificate2 Certificate)
{
    public static CertificateConfigPair Load(Contracts.Configuration.CertificateConfig files) =>
        new(X509Certificate2.CreateFromPemFile(files.CertificateFile, files.KeyFile));
}
