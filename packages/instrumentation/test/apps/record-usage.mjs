import { recordUsage, withAttribution } from '@spanledger/instrumentation';

// The first thing that this app meters: nothing else starts an SDK for it.
withAttribution({ customer: 'cus_1', feature: 'invoices' }, () => {
  recordUsage({ unit: 'document', quantity: '2.5' });
  recordUsage({ unit: 'document', quantity: 0.5, model: 'our-parser' });
  recordUsage({ unit: 'page', quantity: 12, provider: 'mistral_ai', model: 'mistral-ocr' });
});
console.log('done');
