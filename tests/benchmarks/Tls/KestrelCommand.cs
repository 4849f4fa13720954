using System.CommandLine;
using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Mooring.Benchmarks.Tls;

/// <summary>Hidden verb <c>kestrel</c>: Kestrel with TLS, echoing by itself. It has no backend to connect, which is to its advantage.</summary>
internal static class KestrelCommand
{
    public static Command Create()
    {
        var listeners = new Option<string[]>("--listen")
        {
            Description = "PORT,CERTIFICATE,KEY of each listener",
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("kestrel", "Kestrel as a peer of the TLS benchmark") { listeners };
        command.Hidden = true;
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(listeners) ?? [], cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string[] listeners, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxConcurrentConnections = null;
            foreach (var listener in listeners.Select(static text => text.Split(',')))
            {
                kestrel.Listen(
                    IPAddress.Loopback,
                    int.Parse(listener[0], System.Globalization.CultureInfo.InvariantCulture),
                    listen => Use(listen, listener)
                );
            }
        });
        await using var app = builder.Build();
        await app.StartAsync(cancellation);
        await app.WaitForShutdownAsync(cancellation);
        return 0;
    }

    private static void Use(ListenOptions listen, string[] listener)
    {
        using var pem = X509Certificate2.CreateFromPemFile(listener[1], listener[2]);
        listen.UseHttps(
            X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null),
            https => https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13
        );
        listen.Run(EchoAsync);
    }

    private static async Task EchoAsync(ConnectionContext connection)
    {
        while (true)
        {
            var read = await connection.Transport.Input.ReadAsync();
            foreach (var part in read.Buffer)
            {
                await connection.Transport.Output.WriteAsync(part);
            }

            connection.Transport.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return;
            }
        }
    }
}
