using System.Net;
using System.Runtime.InteropServices;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Backend;

/// <summary>
/// One epoll loop that echoes what comes on some ports, and on others sends as many bytes of <see cref="Pattern"/> as each eight-byte
/// number asks for. It closes a connection when the other end has, after all that was asked for.
/// </summary>
/// <remarks>Run by one thread; the counts may be read by another.</remarks>
internal sealed unsafe class BackendLoop : IDisposable
{
    private const uint Interest = Libc.EPOLLIN | Libc.EPOLLOUT | Libc.EPOLLRDHUP | Libc.EPOLLET;
    private const int MaxDescriptors = 65_536;
    private const int BufferBytes = 64 * 1024;

    private readonly Poller _poller = new();
    private readonly Connection[] _connections = new Connection[MaxDescriptors];
    private readonly byte* _buffer = (byte*)NativeMemory.Alloc(BufferBytes);
    private int _open;
    private long _accepted;

    private enum Kind : byte
    {
        None,
        EchoListener,
        BulkListener,
        Echo,
        Bulk,
    }

    public int Open => Volatile.Read(ref _open);

    public long Accepted => Volatile.Read(ref _accepted);

    public void Listen(IPEndPoint at, bool bulk)
    {
        var listener = TcpSocket.Listen(at);
        _connections[listener].Kind = bulk ? Kind.BulkListener : Kind.EchoListener;
        _poller.Add(listener, Libc.EPOLLIN);
    }

    /// <summary>Serves until the process ends.</summary>
    public void Run()
    {
        while (true)
        {
            for (int at = 0, ready = _poller.Wait(-1); at < ready; at++)
            {
                var descriptor = _poller.Descriptor(at);
                switch (_connections[descriptor].Kind)
                {
                    case Kind.EchoListener:
                        Accept(descriptor, Kind.Echo);
                        break;
                    case Kind.BulkListener:
                        Accept(descriptor, Kind.Bulk);
                        break;
                    case Kind.Echo:
                        Echo(descriptor, _poller.Events(at));
                        break;
                    case Kind.Bulk:
                        Bulk(descriptor);
                        break;
                }
            }
        }
    }

    public void Dispose()
    {
        _poller.Dispose();
        NativeMemory.Free(_buffer);
    }

    private void Accept(int listener, Kind kind)
    {
        for (var i = 0; i < 64; i++)
        {
            var descriptor = TcpSocket.Accept(listener);
            if (descriptor < 0)
            {
                return;
            }

            _connections[descriptor] = new Connection { Kind = kind };
            Volatile.Write(ref _open, _open + 1);
            Volatile.Write(ref _accepted, _accepted + 1);
            _poller.Add(descriptor, Interest);
        }
    }

    private void Echo(int descriptor, uint events)
    {
        if ((events & ~Libc.EPOLLOUT) == 0)
        {
            return;
        }

        while (true)
        {
            var length = Libc.Recv(descriptor, _buffer, BufferBytes, 0);
            if (length <= 0)
            {
                if (length == 0 || Libc.Errno is not (Libc.EAGAIN or Libc.EINTR))
                {
                    Close(descriptor);
                }

                return;
            }

            // The loads keep one message under way, which an empty socket takes whole. Anything else ends the connection, and the
            // client sees that its echo is short.
            if (Libc.Send(descriptor, _buffer, length, Libc.MSG_NOSIGNAL) != length)
            {
                Close(descriptor);
                return;
            }

            // A short read has drained the socket, unless the other end's close is behind it.
            if (length < BufferBytes && (events & Libc.EPOLLRDHUP) == 0)
            {
                return;
            }
        }
    }

    private void Bulk(int descriptor)
    {
        ref var connection = ref _connections[descriptor];
        if (!TakeRequests(descriptor, ref connection))
        {
            return;
        }

        while (connection.Owed > 0)
        {
            var slice = Pattern.At(connection.Sent, (int)Math.Min(connection.Owed, Pattern.MaxSlice));
            fixed (byte* bytes = slice)
            {
                var length = Libc.Send(descriptor, bytes, slice.Length, Libc.MSG_NOSIGNAL);
                if (length < 0)
                {
                    if (Libc.Errno is not (Libc.EAGAIN or Libc.EINTR))
                    {
                        Close(descriptor);
                    }

                    return;
                }

                connection.Sent += length;
                connection.Owed -= length;
            }
        }

        if (connection.Ended)
        {
            Close(descriptor);
        }
    }

    /// <summary>Adds up what is asked for. Returns false when the connection failed and is closed.</summary>
    private bool TakeRequests(int descriptor, ref Connection connection)
    {
        while (!connection.Ended)
        {
            var length = (int)Libc.Recv(descriptor, _buffer, BufferBytes, 0);
            if (length < 0)
            {
                if (Libc.Errno is Libc.EAGAIN or Libc.EINTR)
                {
                    return true;
                }

                Close(descriptor);
                return false;
            }

            connection.Ended = length == 0;
            for (var i = 0; i < length; i++)
            {
                connection.Request |= (long)_buffer[i] << (8 * connection.RequestBytes);
                if (++connection.RequestBytes == sizeof(long))
                {
                    connection.Owed += connection.Request;
                    connection.Request = 0;
                    connection.RequestBytes = 0;
                }
            }
        }

        return true;
    }

    private void Close(int descriptor)
    {
        _connections[descriptor] = default;
        _ = Libc.Close(descriptor);
        Volatile.Write(ref _open, _open - 1);
    }

    private struct Connection
    {
        public Kind Kind;

        /// <summary>The other end has closed its side.</summary>
        public bool Ended;

        /// <summary>Bytes of an incomplete request, and the number they make so far.</summary>
        public int RequestBytes;

        public long Request;

        public long Owed;

        public long Sent;
    }
}
