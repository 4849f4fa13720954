namespace Mooring.Benchmarks.Load;

/// <summary>Messages and their echoes on a set of connections, one under way on each at most. Used by one thread.</summary>
internal abstract class Echoes
{
    /// <summary>Sends the next message. The last one must have come back.</summary>
    /// <exception cref="LoadFailedException">The connection does not take a whole message, though it is empty.</exception>
    public abstract void Send(int index);

    /// <summary>Reads what has come. Returns true when the echo is complete and right.</summary>
    /// <exception cref="LoadFailedException">Something else came back, or the connection was closed.</exception>
    public abstract bool Receive(int index);

    /// <summary>As the request wants them.</summary>
    public static Echoes For(Clients clients, LoadRequest request) =>
        request switch
        {
            { WebSocket: LoadWebSocket.None } => new EchoMessages(clients, request.MessageBytes),
            { Kind: LoadKind.Connects } => new WebSocketGoodbyes(clients),
            _ => new WebSocketEchoes(clients, request.WebSocket, request.MessageBytes),
        };
}
