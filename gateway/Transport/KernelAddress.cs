using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Mooring.Gateway.Transport;

/// <summary>A kernel <c>sockaddr_in</c> or <c>sockaddr_in6</c>, ready to be passed to a call.</summary>
internal unsafe struct KernelAddress
{
    public const int MaxBytes = 28;

    private fixed byte _bytes[MaxBytes];

    /// <summary>Bytes in use: 16 for IPv4, 28 for IPv6.</summary>
    public uint Length;

    public readonly int Family => _bytes[0];

    public static KernelAddress From(IPAddress address, int port)
    {
        var result = default(KernelAddress);
        var bytes = new Span<byte>(result._bytes, MaxBytes);
        var v4 = address.AddressFamily == AddressFamily.InterNetwork;
        // The family is in host order; both supported architectures are little-endian.
        bytes[0] = (byte)(v4 ? SocketFlag.Inet : SocketFlag.Inet6);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)port);
        address.TryWriteBytes(bytes[(v4 ? 4 : 8)..], out _);
        if (!v4)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[24..], (uint)address.ScopeId);
        }

        result.Length = v4 ? 16u : 28u;
        return result;
    }

    /// <summary>An address of the kernel's, as it stands.</summary>
    public static KernelAddress Copy(byte* address)
    {
        var result = default(KernelAddress);
        result.Length = address[0] == SocketFlag.Inet6 ? 28u : 16u;
        Buffer.MemoryCopy(address, result._bytes, MaxBytes, result.Length);
        return result;
    }

    /// <summary>An address for a socket of the family; all zero: every address of the host.</summary>
    public static KernelAddress Of(NetworkAddress address, int family, int port, ulong scope)
    {
        var result = default(KernelAddress);
        result._bytes[0] = (byte)family;
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(result._bytes + 2, 2), (ushort)port);
        if (family == SocketFlag.Inet)
        {
            *(uint*)(result._bytes + 4) = (uint)(address.Low >> 32);
            result.Length = 16;
            return result;
        }

        *(ulong*)(result._bytes + 8) = address.High;
        *(ulong*)(result._bytes + 16) = address.Low;
        *(uint*)(result._bytes + 24) = (uint)scope;
        result.Length = 28;
        return result;
    }

    /// <summary>127.0.0.0/8 or ::1.</summary>
    public bool IsLoopback
    {
        get
        {
            fixed (byte* bytes = _bytes)
            {
                return Read(bytes).Address.IsLoopback;
            }
        }
    }

    /// <summary>Reads what <c>accept4</c> or <c>getsockname</c> wrote.</summary>
    public static (NetworkAddress Address, ushort Port) Read(byte* address)
    {
        var port = BinaryPrimitives.ReverseEndianness(*(ushort*)(address + 2));
        if (address[0] == SocketFlag.Inet6)
        {
            return (new NetworkAddress(*(ulong*)(address + 8), *(ulong*)(address + 16)), port);
        }

        var v4 = *(uint*)(address + 4);
        return (new NetworkAddress(0, ((ulong)v4 << 32) | 0xFFFF_0000), port);
    }
}
