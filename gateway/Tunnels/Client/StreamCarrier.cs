using System.Net.Sockets;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary>
/// Carries one visitor's bytes between a data connection and the local service; an end of one direction leaves the other open. Plain ones go
/// on by the <see cref="Carrier"/>; TLS is opened here.
/// </summary>
internal static class StreamCarrier
{
    private const int BufferBytes = 128 * 1024;
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Connects a plain data connection with the local service, and leaves both to the loop.</summary>
    /// <exception cref="IOException">The service cannot be reached.</exception>
    public static async Task PassAsync(Carrier carrier, TunnelWire wire, LocalPort local)
    {
        using var limit = new CancellationTokenSource(ConnectTimeout);
        CarrierStream service;
        try
        {
            (service, _) = await new Dialler(local.Host, local.Port).ConnectAsync(carrier.ConnectAsync, limit.Token);
        }
        catch (OperationCanceledException late)
        {
            throw new IOException($"{local} does not answer", late);
        }
        catch (SocketException error)
        {
            throw new IOException($"{local}: {error.Message}", error);
        }

        await using (service)
        {
            await service.WriteAsync(wire.TakeRest(), limit.Token);
            carrier.Pair((CarrierStream)wire.Stream, service);
        }
    }

    /// <summary>Serves a data connection that speaks TLS until its end.</summary>
    /// <exception cref="IOException">The service cannot be reached.</exception>
    public static async Task RunAsync(TunnelWire wire, LocalPort local)
    {
        Socket connected;
        using (var limit = new CancellationTokenSource(ConnectTimeout))
        {
            try
            {
                (connected, _) = await new Dialler(local.Host, local.Port).ConnectAsync(Dialler.OpenAsync, limit.Token);
            }
            catch (OperationCanceledException late)
            {
                throw new IOException($"{local} does not answer", late);
            }
            catch (SocketException error)
            {
                throw new IOException($"{local}: {error.Message}", error);
            }
        }

        using var socket = connected;
        await using var stream = new NetworkStream(socket, ownsSocket: false);
        var rest = wire.TakeRest();
        if (rest.Length > 0)
        {
            await stream.WriteAsync(rest);
        }

        await Task.WhenAll(
            CopyAsync(wire.Stream, stream, () => EndAsync(socket), wire, socket),
            CopyAsync(stream, wire.Stream, () => EndAsync(wire), wire, socket)
        );
    }

    private static Task EndAsync(TunnelWire wire)
    {
        if (wire.Stream is System.Net.Security.SslStream secured)
        {
            // close_notify: the gateway takes it for the end of this direction alone.
            return secured.ShutdownAsync();
        }

        wire.Socket!.Shutdown(SocketShutdown.Send);
        return Task.CompletedTask;
    }

    private static Task EndAsync(Socket socket)
    {
        socket.Shutdown(SocketShutdown.Send);
        return Task.CompletedTask;
    }

    private static async Task CopyAsync(Stream from, Stream to, Func<Task> end, TunnelWire wire, Socket socket)
    {
        byte[]? buffer = null;
        try
        {
            // A read of nothing returns when there is something: whoever is silent has no buffer.
            while (await from.ReadAsync(Memory<byte>.Empty) == 0)
            {
                buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(BufferBytes);
                var count = await from.ReadAsync(buffer);
                if (count == 0)
                {
                    break;
                }

                await to.WriteAsync(buffer.AsMemory(0, count));
                System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
                buffer = null;
            }

            await end();
        }
        catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException)
        {
            // A broken end breaks the other: by a reset, or what came so far would be taken for the whole.
            wire.Socket!.Close(0);
            socket.Close(0);
        }
        finally
        {
            if (buffer is not null)
            {
                System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }
}
