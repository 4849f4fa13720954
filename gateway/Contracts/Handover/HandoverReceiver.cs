using System.Net.Sockets;
using System.Text.Json;

namespace Mooring.Contracts.Handover;

/// <summary>Receives listening sockets from a connected Unix stream socket.</summary>
/// <remarks>
/// Not thread-safe: one <see cref="ReceiveAsync"/> at a time. Whatever goes wrong, every descriptor that came in is closed, and the
/// connection is of no more use, since the place of the next message is unknown.
/// </remarks>
/// <param name="socket">A connected Unix stream socket; stays the caller's.</param>
/// <param name="maxDescriptors">Descriptors at most in one message, 1 to 253; more is an error.</param>
public sealed class HandoverReceiver(Socket socket, int maxDescriptors = HandoverLimits.MaxDescriptors)
{
    private const int MaxNameLength = 63;
    private readonly DescriptorReader _reader = new(socket, HandoverLimits.MaxMessageBytes, maxDescriptors);

    /// <summary>Connects to the owner's socket.</summary>
    /// <exception cref="SocketException">No one listens there.</exception>
    public static async Task<Socket> ConnectAsync(string path, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Waits for the next complete set, in however many messages it comes; null when the owner has closed the connection.</summary>
    /// <exception cref="InvalidDataException">A message is not of the form; says what and where.</exception>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="IOException">The kernel refused, or the connection ended within a set.</exception>
    public async Task<HandoverSet?> ReceiveAsync(CancellationToken cancellation)
    {
        var listeners = new List<HandoverListener>();
        var sockets = new List<DescriptorHandle>();
        try
        {
            while (await _reader.ReadAsync(cancellation) is { } part)
            {
                sockets.AddRange(part.Descriptors);
                var message = Parse(part.Bytes);
                if (message.Listeners.Count != part.Descriptors.Count)
                {
                    throw new InvalidDataException(
                        $"handover of {message.Listeners.Count} listeners came with {part.Descriptors.Count} descriptors"
                    );
                }

                listeners.AddRange(message.Listeners);
                if (listeners.Count > HandoverLimits.MaxListeners)
                {
                    throw new InvalidDataException($"handover of more than {HandoverLimits.MaxListeners} listeners");
                }

                if (!message.More)
                {
                    var set = new HandoverSet(message with { Listeners = [.. listeners] }, [.. sockets]);
                    sockets.Clear();
                    return set;
                }

                if (message.Listeners.Count == 0)
                {
                    throw new InvalidDataException("handover message says that more follows, and brings nothing");
                }
            }

            return listeners.Count == 0 ? null : throw new IOException("the connection ended within a set of listeners");
        }
        finally
        {
            sockets.ForEach(static descriptor => descriptor.Dispose());
        }
    }

    private static HandoverMessage Parse(byte[] json)
    {
        HandoverMessage message;
        try
        {
            message =
                JsonSerializer.Deserialize(json, ContractsJson.Default.HandoverMessage)
                ?? throw new InvalidDataException("the handover message is null");
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"handover message: {exception.Message}", exception);
        }

        for (var i = 0; i < (message.Listeners ?? throw new InvalidDataException("handover listeners is null")).Count; i++)
        {
            var listener = message.Listeners[i] ?? throw new InvalidDataException($"handover listeners[{i}] is null");
            if (listener.Name is not { Length: > 0 and <= MaxNameLength })
            {
                throw new InvalidDataException($"handover listeners[{i}].name is not 1 to {MaxNameLength} characters");
            }

            if (listener.Port is < 1 or > 65535)
            {
                throw new InvalidDataException($"handover listeners[{i}].port {listener.Port} is not within 1 and 65535");
            }
        }

        return message;
    }
}
