namespace Mooring.Gateway.Handover;

/// <summary>Counts what is written to it, and keeps none of it.</summary>
internal sealed class ByteCounter : Stream
{
    private long _count;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    /// <summary>Bytes written.</summary>
    public override long Length => _count;

    public override long Position
    {
        get => _count;
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer) => _count += buffer.Length;

    public override void Write(byte[] buffer, int offset, int count) => _count += count;

    public override void WriteByte(byte value) => _count++;

    public override void Flush() { }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
