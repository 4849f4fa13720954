using System.Net;
using Mooring.Gateway.Admin;

namespace Mooring.Gateway.Serving;

/// <summary>The admin server's place: empty where none is wanted, and while a successor has the address.</summary>
internal sealed class AdminSlot(string? address, IGatewayView view) : IAsyncDisposable
{
    private AdminServer? _server;

    /// <summary>Where it is served; null: nowhere.</summary>
    public object? Address => _server?.Address;

    /// <summary>Starts the server where one is wanted and none runs. Returns what stands against it, or null.</summary>
    public async Task<string?> StartAsync(CancellationToken cancellation)
    {
        if (address is null || _server is not null)
        {
            return null;
        }

        try
        {
            _server = await AdminServer.StartAsync(IPEndPoint.Parse(address), view, cancellation);
            return null;
        }
        catch (Exception failure) when (failure is IOException or System.Net.Sockets.SocketException)
        {
            return $"--admin {address}: {failure.Message}";
        }
    }

    /// <summary>Frees the address.</summary>
    public async Task StopAsync()
    {
        if (_server is { } server)
        {
            _server = null;
            await server.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();
}
