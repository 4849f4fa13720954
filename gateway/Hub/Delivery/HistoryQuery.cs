namespace Mooring.Gateway.Hub.Delivery;

/// <param name="Since">Only publications after it or, in reverse, before it; null: from the end that <paramref name="Reverse"/> says. One whose epoch is
/// neither empty nor the stream's, nor that before it at a place from where the stream has gone on, gives <see cref="BrokerStatus.WrongEpoch"/>, with the stream's position.</param>
/// <param name="Limit">Publications at most; 0: the position alone; below 0: as many as <see cref="MaxBytes"/> has room for.</param>
/// <param name="Reverse">The newest first.</param>
/// <param name="MetaTtl">As in <see cref="PublishOptions"/>: reading keeps the epoch alive too, and makes one where there is none.</param>
internal readonly record struct HistoryQuery(StreamPosition? Since, int Limit, bool Reverse, TimeSpan MetaTtl)
{
    /// <summary>Once the payloads come to so much, no more publications are given; the first always is. Who wants more asks on from the last.</summary>
    public const int MaxBytes = 8 << 20;
}

/// <param name="Status">Whether the rest holds.</param>
/// <param name="Top">The stream's position, read at one moment with the publications.</param>
/// <param name="Publications">In the order asked for.</param>
internal readonly record struct HistoryResult(BrokerStatus Status, StreamPosition Top, IReadOnlyList<StoredPublication> Publications)
{
    public static HistoryResult Failed(BrokerStatus status) => new(status, default, []);
}

/// <param name="Offset">From 1 on.</param>
/// <param name="Payload">As published.</param>
internal readonly record struct StoredPublication(ulong Offset, ReadOnlyMemory<byte> Payload);
