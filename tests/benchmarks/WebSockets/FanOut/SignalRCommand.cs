using System.CommandLine;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Mooring.Benchmarks.WebSockets.FanOut;

/// <summary>Hidden verb <c>signalr</c>: ASP.NET Core SignalR in one process, which gives every message to everybody.</summary>
internal static class SignalRCommand
{
    public static Command Create()
    {
        var port = new Option<int>("--port") { Description = "Port of 127.0.0.1" };
        var command = new Command("signalr", "SignalR as a peer of the fan-out benchmark") { port };
        command.Hidden = true;
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(port), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(int port, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxConcurrentConnections = null;
            kestrel.Listen(IPAddress.Loopback, port);
        });
        builder.Services.AddSignalR(options =>
        {
            // The load says nothing while it listens.
            options.ClientTimeoutInterval = TimeSpan.FromHours(1);
            options.MaximumParallelInvocationsPerClient = 1;
        });
        await using var app = builder.Build();
        app.MapHub<FanOutHub>("/hub", options => options.Transports = HttpTransportType.WebSockets);
        await app.StartAsync(cancellation);
        await app.WaitForShutdownAsync(cancellation);
        return 0;
    }

    /// <summary>Made by SignalR for each message.</summary>
    internal sealed class FanOutHub : Microsoft.AspNetCore.SignalR.Hub
    {
        public Task Publish(string data) => Clients.All.SendAsync("m", data);
    }
}
